//! The hidden folder: what is not visible yet, and whose it is.
//!
//! With a checkpoint it holds `run.json`, the id of the run, and stays when the
//! run ends: what is not in it any more was made visible.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use azud_model::{Error, Result};
use serde::{Deserialize, Serialize};

use super::paths::Paths;
use super::staged::failed;

const MARKER: &str = "run.json";

#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    run: String,
}

// === impl Paths ===

impl Paths {
    /// Makes the folder empty and its name durable, and marks it with the run.
    pub(super) fn prepare(&self, run: Option<&str>) -> io::Result<()> {
        self.clean(run)?;
        self.steps.make_folder(&self.staging)?;
        let Some(run) = run else {
            return Ok(());
        };
        // A run that died may have made them, and not made their names durable.
        for folder in self.staging.ancestors().skip(1) {
            self.steps.sync(folder)?;
            if Some(folder) == self.target.parent() {
                break;
            }
        }
        if self.owner()?.as_deref() == Some(run) {
            return Ok(());
        }
        let run = run.to_owned();
        let hidden = self.staging.join(format!("{MARKER}.tmp"));
        let bytes = serde_json::to_vec(&Marker { run })?;
        self.steps.write(&hidden, &bytes)?;
        self.steps.rename(&hidden, &self.staging.join(MARKER))?;
        self.steps.sync(&self.staging)
    }

    /// The run with a checkpoint to which it belongs.
    pub(super) fn owner(&self) -> io::Result<Option<String>> {
        match fs::read(self.staging.join(MARKER)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            bytes => {
                let marker: Marker = serde_json::from_slice(&bytes?)?;
                Ok(Some(marker.run))
            }
        }
    }

    /// What is in it, but for the mark.
    pub(super) fn staged(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.staging) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| name != MARKER);
        names.sort();
        Ok(names)
    }

    /// Removes what is in it. With a run, whose folder it is, the folder stays.
    pub(super) fn clean(&self, run: Option<&str>) -> io::Result<()> {
        match run {
            Some(_) => self.keep_only(|_| false),
            None => self.steps.remove(&self.staging),
        }
    }

    /// Removes all but what is asked for.
    pub(super) fn keep_only(&self, is_kept: impl Fn(&str) -> bool) -> io::Result<()> {
        for name in self.staged()? {
            if !is_kept(&name) {
                self.steps.remove(&self.staging.join(name))?;
            }
        }
        Ok(())
    }

    /// For a run without a checkpoint, which would remove what another has recorded.
    ///
    /// # Errors
    /// `Invalid` if a run with a checkpoint has something in it.
    pub(super) fn check_owner(&self) -> Result<()> {
        let owner = self.owner().map_err(failed("read", &self.staging))?;
        let staged = self.staged().map_err(failed("read", &self.staging))?;
        match owner {
            Some(run) if !staged.is_empty() => Err(Error::invalid(format!(
                "`{}` waits for run `{run}`, whose checkpoint holds rows that are not visible yet: \
                 start that one again, write elsewhere, or remove `{}`",
                self.given,
                self.staging.display()
            ))),
            _ => Ok(()),
        }
    }

    /// How many bytes a file has; `None` where there is none.
    pub(super) fn length(path: &Path) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            metadata => Ok(Some(metadata?.len())),
        }
    }
}
