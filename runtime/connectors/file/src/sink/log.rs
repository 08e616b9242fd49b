//! `_azud/<epoch>.json`: what an epoch committed.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use azud_model::Mode;
use serde::{Deserialize, Serialize};

use super::paths::Paths;
use super::staged::Finished;
use super::steps::Steps;

/// One epoch's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) version: u32,
    /// The run of a checkpoint that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    pub(super) epoch: u64,
    pub(super) mode: String,
    pub(super) files: Vec<Listed>,
}

/// One committed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// The folder of lists.
#[derive(Clone, Debug)]
pub(super) struct Log {
    folder: PathBuf,
    steps: Steps,
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(run: Option<&str>, epoch: u64, mode: Mode, files: &[Finished]) -> Self {
        let listed = |file: &Finished| Listed {
            name: file.name.clone(),
            rows: file.rows,
            bytes: file.bytes,
        };
        Self {
            version: 1,
            run: run.map(str::to_owned),
            epoch,
            mode: match mode {
                Mode::Append => "append",
                Mode::Update => "update",
                Mode::Complete => "complete",
            }
            .to_owned(),
            files: files.iter().map(listed).collect(),
        }
    }

    /// Adds what was listed before, unless it has another file of that name.
    pub(super) fn keep(&mut self, before: Self) {
        let mut files = before.files;
        files.retain(|old| !self.files.iter().any(|new| new.name == old.name));
        files.append(&mut self.files);
        self.files = files;
    }
}

// === impl Log ===

impl Log {
    pub(super) fn new(paths: &Paths) -> Self {
        Self {
            folder: paths.target.join("_azud"),
            steps: paths.steps.clone(),
        }
    }

    /// The epochs that have a list.
    pub(super) fn epochs(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut epochs = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".json"));
            epochs.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        epochs.sort_unstable();
        Ok(epochs)
    }

    pub(super) fn path(&self, epoch: u64) -> PathBuf {
        self.folder.join(format!("{epoch}.json"))
    }

    pub(super) fn read(&self, epoch: u64) -> io::Result<Entry> {
        let path = self.path(epoch);
        if !fs::metadata(&path)?.is_file() {
            let reason = format!("`{}` is no file", path.display());
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        serde_json::from_slice(&fs::read(&path)?).map_err(|error| {
            let reason = format!("`{}` is no list: {error}", path.display());
            io::Error::new(ErrorKind::InvalidData, reason)
        })
    }

    /// An epoch's list, if there is one.
    pub(super) fn find(&self, epoch: u64) -> io::Result<Option<Entry>> {
        match self.read(epoch) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            list => list.map(Some),
        }
    }

    /// Writes a list, all of it or nothing.
    pub(super) fn write(&self, entry: &Entry) -> io::Result<()> {
        let hidden = self.folder.join(format!("{}.json.tmp", entry.epoch));
        let mut bytes = serde_json::to_vec(entry)?;
        bytes.push(b'\n');
        self.steps.write(&hidden, &bytes)?;
        self.steps.rename(&hidden, &self.path(entry.epoch))?;
        self.steps.sync(&self.folder)
    }
}
