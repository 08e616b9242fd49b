//! Layouts `table` and `rolling`: files in one folder, and lists of them.

use std::fs;
use std::io::{self, ErrorKind};

use azud_model::{Error, Mode, Result};

use super::log::{Entry, Log};
use super::paths::{Paths, rename, sync};
use super::staged::{Finished, failed};

/// Makes an epoch's files visible and lists them, in mode append beside what
/// the epoch's list holds already; with mode complete what was listed before goes.
pub(super) fn commit(paths: &Paths, mode: Mode, epoch: u64, files: &[Finished]) -> Result<()> {
    commit_files(paths, mode, epoch, files).map_err(failed("commit", &paths.target))
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
            let reason = unlisted(paths, &file.name);
            return Err(io::Error::new(ErrorKind::AlreadyExists, reason));
        }
        rename(&from, &to)?;
    }
    sync(&paths.target)?;
    // The list is the moment at which the epoch is visible to whoever reads lists.
    let mut entry = Entry::new(epoch, mode, files);
    if mode != Mode::Complete {
        if let Some(list) = log.find(epoch)? {
            entry.keep(list);
        }
        return log.write(&entry);
    }
    log.write(&entry)?;
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
/// one's output would overwrite it. Mode complete replaces it by intention, but
/// only what it knows.
pub(super) fn check(paths: &Paths, mode: Mode) -> Result<()> {
    let log = Log::new(&paths.target);
    let epochs = log.epochs().map_err(failed("read", &paths.target))?;
    if let Some(first) = epochs.first()
        && mode != Mode::Complete
    {
        return Err(Error::invalid(format!(
            "`{given}` holds the output of an earlier run (`{given}/_azud/{first}.json` lists it): \
             remove the folder, write to another one, or use `layout: batches`, where each epoch \
             has a folder of its own",
            given = paths.given
        )));
    }
    match first_unlisted(paths, &log, &epochs).map_err(failed("read", &paths.target))? {
        Some(name) => Err(Error::invalid(unlisted(paths, &name))),
        None => Ok(()),
    }
}

/// A file that a run may have to write and may not overwrite: one of somebody
/// else, or of a run that died before it had listed it.
fn first_unlisted(paths: &Paths, log: &Log, epochs: &[u64]) -> io::Result<Option<String>> {
    let mut parts = Vec::new();
    let entries = match fs::read_dir(&paths.target) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if paths.is_part(&name) {
            parts.push(name);
        }
    }
    for epoch in epochs {
        let list = log.read(*epoch)?;
        parts.retain(|name| !list.files.iter().any(|file| file.name == *name));
    }
    Ok(parts.into_iter().min())
}

fn unlisted(paths: &Paths, name: &str) -> String {
    let given = &paths.given;
    format!(
        "`{given}/{name}` is there already, and no list in `{given}/_azud` knows it: remove it, or \
         write to another folder"
    )
}
