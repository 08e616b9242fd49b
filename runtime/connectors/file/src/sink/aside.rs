//! Output that may not stay is put where no reader looks, and not removed.
//!
//! Of a table to `<path>/_azud/reset-<n>`; a batch's folder becomes hidden:
//! `.<name>-reset-<n>` beside it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::paths::Paths;
use super::recover::Stranger;

/// Where what was there goes.
#[derive(Debug)]
pub(super) struct Aside {
    number: u64,
    /// The folder, where it is one for all.
    folder: Option<PathBuf>,
    given: String,
}

// === impl Aside ===

impl Aside {
    /// A place that nothing was put to yet.
    pub(super) fn new(paths: &Paths, is_batches: bool) -> io::Result<Self> {
        let given = paths.given.clone();
        let folder = |number: u64| paths.target.join("_azud").join(format!("reset-{number}"));
        let mut number = 1;
        if is_batches {
            let entries = std::fs::read_dir(paths.beside())?;
            for entry in entries {
                let name = entry?.file_name().to_string_lossy().into_owned();
                let end = name
                    .strip_prefix(&format!(".{}-", paths.name()))
                    .and_then(|name| name.rsplit_once("-reset-"))
                    .and_then(|(_, number)| number.parse::<u64>().ok());
                number = number.max(end.map_or(1, |end| end.saturating_add(1)));
            }
            return Ok(Self {
                number,
                folder: None,
                given,
            });
        }
        while folder(number).exists() {
            number += 1;
        }
        let folder = folder(number);
        paths.steps.make_folder(&folder)?;
        Ok(Self {
            number,
            folder: Some(folder),
            given,
        })
    }

    /// Puts something there, durably. What is gone already is passed over: a
    /// crash may have come between. The witness goes last, so that it is found again.
    pub(super) fn put(&self, paths: &Paths, stranger: &Stranger) -> io::Result<()> {
        let Some((witness, files)) = stranger.paths.split_last() else {
            return Ok(());
        };
        for file in files {
            self.put_one(paths, file)?;
        }
        if !files.is_empty() {
            self.sync(paths, &paths.target)?;
        }
        self.put_one(paths, witness)?;
        self.sync(paths, witness.parent().unwrap_or(&paths.target))
    }

    fn put_one(&self, paths: &Paths, from: &Path) -> io::Result<()> {
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        let to = match &self.folder {
            Some(folder) => folder.join(name.as_ref()),
            None => {
                let name = name.strip_prefix('.').unwrap_or(&name);
                from.with_file_name(format!(".{name}-reset-{}", self.number))
            }
        };
        match from.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            _ => paths.steps.rename(from, &to),
        }
    }

    fn sync(&self, paths: &Paths, from: &Path) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            paths.steps.sync(folder)?;
        }
        paths.steps.sync(from)
    }
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, given, .. } = self;
        match self.folder {
            Some(_) => write!(f, "`{given}/_azud/reset-{number}`"),
            None => write!(f, "hidden folders whose names end with `-reset-{number}`"),
        }
    }
}
