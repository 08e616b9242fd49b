//! Layouts `table` and `rolling`: files in one folder, and lists of them.

use std::fs;
use std::io::{self, ErrorKind};

use azud_model::{Epoch, Error, Mode, Result};

use super::log::{Entry, Log};
use super::paths::{Paths, rename, sync};
use super::staged::{Finished, failed};

/// Makes an epoch's files visible and lists them; with mode complete what was
/// listed before goes.
pub(super) fn commit(paths: &Paths, mode: Mode, epoch: &Epoch, files: &[Finished]) -> Result<()> {
    commit_files(paths, mode, epoch.number, files).map_err(failed("commit", &paths.target))
}

fn commit_files(paths: &Paths, mode: Mode, epoch: u64, files: &[Finished]) -> io::Result<()> {
    let log = Log::new(&paths.target);
    if files.is_empty() && mode != Mode::Complete {
        return Ok(());
    }
    let mut earlier = Vec::new();
    // Lists are many in mode append, and nothing in them is needed. In mode
    // complete an earlier run may have left one with this epoch's number.
    if mode == Mode::Complete {
        for old in log.epochs()? {
            earlier.push(log.read(old)?);
        }
    }
    let listed = |name: &str| {
        earlier
            .iter()
            .flat_map(|list| &list.files)
            .any(|file| file.name == name)
    };
    for file in files {
        let (from, to) = (
            paths.staging.join(&file.staged),
            paths.target.join(&file.name),
        );
        if from.exists() && to.exists() && !listed(&file.name) {
            let name = &file.name;
            let reason = format!("`{name}` is there already, and no list in `_azud` knows it");
            return Err(io::Error::new(ErrorKind::AlreadyExists, reason));
        }
        rename(&from, &to)?;
    }
    sync(&paths.target)?;
    // The list is the moment at which the epoch is visible to whoever reads lists.
    log.write(&Entry::new(epoch, mode, files))?;
    if mode != Mode::Complete {
        return Ok(());
    }
    for old in earlier {
        for file in old.files {
            if !files.iter().any(|new| new.name == file.name) {
                remove(&paths.target.join(file.name))?;
            }
        }
        if old.epoch != epoch {
            remove(&log.path(old.epoch))?;
        }
    }
    Ok(())
}

fn remove(path: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// An epoch's files are named by its number, so a second run beside the first
/// one's output would overwrite it. Mode complete replaces it by intention.
pub(super) fn check(paths: &Paths, mode: Mode) -> Result<()> {
    let epochs = Log::new(&paths.target)
        .epochs()
        .map_err(failed("read", &paths.target))?;
    match epochs.first() {
        Some(first) if mode != Mode::Complete => Err(Error::invalid(format!(
            "`{given}` holds the output of an earlier run (`{given}/_azud/{first}.json` lists it): \
             remove the folder, or write to another one",
            given = paths.given
        ))),
        _ => Ok(()),
    }
}
