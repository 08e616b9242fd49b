//! Where files lie before and after their commit.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use azud_model::{Error, Result};

use super::lock::Lock;
use super::staged::failed;
use super::steps::Steps;
use crate::list;

/// The paths of one sink.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    /// As the manifest names it: for messages.
    pub(super) given: String,
    /// Where that is.
    pub(super) target: PathBuf,
    /// The hidden folder for what is not committed.
    pub(super) staging: PathBuf,
    /// `json`, `csv`, `txt`.
    pub(super) extension: String,
    pub(super) steps: Steps,
}

// === impl Paths ===

impl Paths {
    pub(super) fn of_table(given: &str, directory: &Path, extension: &str) -> Self {
        let target = target(directory, given);
        Self {
            given: given.to_owned(),
            staging: target.join("_azud").join("tmp"),
            target,
            extension: extension.to_owned(),
            steps: Steps::default(),
        }
    }

    pub(super) fn of_batches(given: &str, directory: &Path, extension: &str) -> Self {
        let target = target(directory, given);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        Self {
            given: given.to_owned(),
            staging: target.with_file_name(format!(".{name}-azud")),
            target,
            extension: extension.to_owned(),
            steps: Steps::default(),
        }
    }

    /// A batch's folder: `<path>-<time in ms>`.
    pub(super) fn batch(&self, time_ms: i64) -> PathBuf {
        let name = self.name();
        self.target.with_file_name(format!("{name}-{time_ms}"))
    }

    /// What batches' folders start with.
    pub(super) fn name(&self) -> Cow<'_, str> {
        let name = self.target.file_name().unwrap_or_default();
        name.to_string_lossy()
    }

    /// Where batches' folders lie.
    pub(super) fn beside(&self) -> &Path {
        let folder = self.target.parent().unwrap_or(&self.target);
        match folder == Path::new("") {
            true => Path::new("."),
            false => folder,
        }
    }

    /// # Errors
    /// `Invalid` if the folder cannot be made, or is no folder.
    pub(super) fn check(&self) -> Result<()> {
        if self.target.file_name().is_none() {
            let given = &self.given;
            return Err(Error::invalid(format!(
                "`{given}` cannot be written to: name a folder, like `./out`"
            )));
        }
        // What is to be made lies in the first of these that is there.
        let nearest = self.staging.ancestors().find(|folder| folder.exists());
        match nearest {
            Some(there) if !there.is_dir() => Err(Error::invalid(format!(
                "cannot write to `{}`: `{}` is a file",
                self.given,
                there.display()
            ))),
            _ => Ok(()),
        }
    }

    pub(super) fn part(&self, epoch: u64, lane: usize) -> String {
        list::part(epoch, lane, &self.extension)
    }

    /// Epoch and lane of a file that a run could make, by its name.
    pub(super) fn part_of(&self, name: &str) -> Option<(u64, u64)> {
        list::part_of(name, &self.extension)
    }

    /// The files in the folder that a run could have made, by name.
    pub(super) fn parts(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.target) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut parts = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if self.part_of(&name).is_some() {
                parts.push(name);
            }
        }
        parts.sort();
        Ok(parts)
    }

    /// Keeps other runs out, as long as the lock is held.
    pub(super) fn lock(&self) -> Result<Lock> {
        let taken = || {
            self.staging
                .parent()
                .map_or(Ok(()), |folder| self.steps.make_folder(folder))?;
            Lock::take(self.lock_file())
        };
        taken()
            .map_err(failed("write to", &self.target))?
            .ok_or_else(|| self.is_in_use())
    }

    /// # Errors
    /// `Invalid` if another run writes there now.
    pub(super) fn check_lock(&self) -> Result<()> {
        match Lock::is_taken(&self.lock_file()) {
            true => Err(self.is_in_use()),
            false => Ok(()),
        }
    }

    fn lock_file(&self) -> PathBuf {
        let mut path = self.staging.clone().into_os_string();
        path.push(".lock");
        path.into()
    }

    fn is_in_use(&self) -> Error {
        let given = &self.given;
        Error::invalid(format!(
            "another run writes to `{given}`: stop it, or write to another folder"
        ))
    }
}

/// Where something lies, as a person would write it: `./out`, not `././out`.
fn target(directory: &Path, given: &str) -> PathBuf {
    directory.join(given).components().collect()
}
