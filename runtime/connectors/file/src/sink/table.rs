//! Layouts `table` and `rolling`: files in one folder, and lists of them.

use std::io::{self, ErrorKind};

use azud_model::{Error, Mode, Result};

use super::log::Log;
use super::paths::Paths;
use super::staged::{Finished, failed};
use super::strangers;
use crate::list::{Entry, Listed};

/// Makes an epoch's files visible and lists them, in mode append beside what
/// the epoch's list holds already; with mode complete what was listed before goes.
pub(super) fn commit(
    paths: &Paths,
    run: Option<&str>,
    mode: Mode,
    epoch: u64,
    files: &[Finished],
) -> Result<()> {
    let commit = || {
        if files.is_empty() && mode != Mode::Complete {
            return Ok(());
        }
        let earlier = earlier(paths, mode)?;
        show(paths, &earlier, files)?;
        list(paths, run, mode, epoch, files, earlier)
    };
    commit().map_err(failed("commit", &paths.target))
}

/// What the last table lists. Lists are many in mode append, and nothing in
/// them is needed. In mode complete an earlier run may have left one with this
/// epoch's number.
pub(super) fn earlier(paths: &Paths, mode: Mode) -> io::Result<Vec<Entry>> {
    let log = Log::new(paths);
    match mode {
        Mode::Complete => log.epochs()?.into_iter().map(|old| log.read(old)).collect(),
        Mode::Append | Mode::Update => Ok(Vec::new()),
    }
}

/// Gives files their names.
fn show(paths: &Paths, earlier: &[Entry], files: &[Finished]) -> io::Result<()> {
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
        paths.steps.rename(&from, &to)?;
    }
    paths.steps.sync(&paths.target)
}

/// Lists files: the moment at which the epoch is visible to whoever reads lists.
pub(super) fn list(
    paths: &Paths,
    run: Option<&str>,
    mode: Mode,
    epoch: u64,
    files: &[Finished],
    earlier: Vec<Entry>,
) -> io::Result<()> {
    let log = Log::new(paths);
    let listed = |file: &Finished| Listed {
        name: file.name.clone(),
        rows: file.rows,
        bytes: file.bytes,
    };
    let listed = files.iter().map(listed).collect();
    let mut entry = Entry::new(run, epoch, mode, listed);
    if mode != Mode::Complete {
        if let Some(list) = log.find(epoch)? {
            entry.keep(list);
        }
        return log.write(&entry);
    }
    log.write(&entry)?;
    let mut removes = false;
    for old in &earlier {
        for file in strangers::files(paths, old) {
            let is_new = |new: &Finished| paths.target.join(&new.name) == file;
            if !files.iter().any(is_new) {
                paths.steps.remove(&file)?;
                removes = true;
            }
        }
    }
    // A file without a list would be nobody's.
    if removes {
        paths.steps.sync(&paths.target)?;
    }
    for old in earlier {
        if old.epoch != epoch {
            paths.steps.remove(&log.path(old.epoch))?;
        }
    }
    Ok(())
}

/// An epoch's files are named by its number, so a second run beside the first
/// one's output would overwrite it. Mode complete replaces it by intention, but
/// only what it knows. Of a run without a checkpoint.
pub(super) fn check(paths: &Paths, mode: Mode) -> Result<()> {
    let log = Log::new(paths);
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
    let mut parts = paths.parts()?;
    for epoch in epochs {
        let list = log.read(*epoch)?;
        parts.retain(|name| !list.files.iter().any(|file| file.name == *name));
    }
    Ok(parts.into_iter().min())
}

pub(super) fn unlisted(paths: &Paths, name: &str) -> String {
    let given = &paths.given;
    format!(
        "`{given}/{name}` is there already, and no list in `{given}/_azud` knows it: remove it, or \
         write to another folder"
    )
}
