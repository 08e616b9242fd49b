//! `_azud/<epoch>.json`: what an epoch committed, in a folder or a bucket.

use azud_model::Mode;
use serde::{Deserialize, Serialize};

/// One epoch's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) version: u32,
    /// The run of a checkpoint that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
    pub(crate) epoch: u64,
    pub(crate) mode: String,
    pub(crate) files: Vec<Listed>,
}

/// One committed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

// === impl Entry ===

impl Entry {
    pub(crate) fn new(run: Option<&str>, epoch: u64, mode: Mode, files: Vec<Listed>) -> Self {
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
            files,
        }
    }

    /// Adds what was listed before, unless it has another file of that name.
    pub(crate) fn keep(&mut self, before: Self) {
        let mut files = before.files;
        files.retain(|old| !self.files.iter().any(|new| new.name == old.name));
        files.append(&mut self.files);
        self.files = files;
    }
}

/// What a lane's file of an epoch is called.
pub(crate) fn part(epoch: u64, lane: usize, extension: &str) -> String {
    format!("part-{epoch}-{lane}.{extension}")
}

/// Epoch and lane of a file that a run could make, by its name.
pub(crate) fn part_of(name: &str, extension: &str) -> Option<(u64, u64)> {
    let (epoch, lane) = name
        .strip_prefix("part-")
        .and_then(|name| name.strip_suffix(&format!(".{extension}")))
        .and_then(|numbers| numbers.split_once('-'))?;
    Some((epoch.parse().ok()?, lane.parse().ok()?))
}

/// How the name of a file in a format ends.
pub(crate) fn extension(format: &str) -> &str {
    match format {
        "text" => "txt",
        "raw" => "bin",
        other => other,
    }
}
