//! The lists of a folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::paths::Paths;
use super::steps::Steps;
use crate::list::Entry;

/// The folder of lists.
#[derive(Clone, Debug)]
pub(super) struct Log {
    folder: PathBuf,
    steps: Steps,
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
