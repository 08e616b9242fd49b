//! Where files lie before and after their commit.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use azud_model::{Error, Result};

use super::lock::Lock;
use super::staged::failed;

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
}

// === impl Paths ===

impl Paths {
    pub(super) fn of_table(given: &str, directory: &Path, extension: &str) -> Self {
        let target = directory.join(given);
        Self {
            given: given.to_owned(),
            staging: target.join("_azud").join("tmp"),
            target,
            extension: extension.to_owned(),
        }
    }

    pub(super) fn of_batches(given: &str, directory: &Path, extension: &str) -> Self {
        let target = directory.join(given);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        Self {
            given: given.to_owned(),
            staging: target.with_file_name(format!(".{name}-azud")),
            target,
            extension: extension.to_owned(),
        }
    }

    /// A batch's folder: `<path>-<time in ms>`.
    pub(super) fn batch(&self, time_ms: i64) -> PathBuf {
        let name = self
            .target
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        self.target.with_file_name(format!("{name}-{time_ms}"))
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
        format!("part-{epoch}-{lane}.{}", self.extension)
    }

    /// Whether a run could make a file of that name.
    pub(super) fn is_part(&self, name: &str) -> bool {
        let numbers = name
            .strip_prefix("part-")
            .and_then(|name| name.strip_suffix(&format!(".{}", self.extension)))
            .and_then(|numbers| numbers.split_once('-'));
        let is_number = |text: &str| text.parse::<u64>().is_ok();
        numbers.is_some_and(|(epoch, lane)| is_number(epoch) && is_number(lane))
    }

    /// Keeps other runs out, as long as the lock is held.
    pub(super) fn lock(&self) -> Result<Lock> {
        let taken = || {
            self.staging
                .parent()
                .map_or(Ok(()), std::fs::create_dir_all)?;
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

    /// Makes the folders, and removes what a run that died has left in the
    /// hidden one, which is ours alone.
    pub(super) fn prepare(&self) -> io::Result<()> {
        self.clean()?;
        std::fs::create_dir_all(&self.staging)
    }

    pub(super) fn clean(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.staging) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Renames, unless that was done before: idempotent.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound && to.exists() => Ok(()),
        other => other,
    }
}
