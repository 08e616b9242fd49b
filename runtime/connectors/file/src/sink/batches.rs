//! Layout `batches`: a folder an epoch, as Spark's `saveAsTextFiles`.
//!
//! With a checkpoint `_SUCCESS` says whose it is, `{"run":"4f1c","epoch":3}`;
//! without one it is empty, as Spark's.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use azud_connect::Recovery;
use azud_model::{Epoch, Error, Result};

use super::again::Again;
use super::paths::Paths;
use super::recover::{Owner, Stranger, Why};
use super::staged::{Finished, failed};

/// Larger ones are not ours: some committers write long reports.
const LARGEST_SUCCESS: u64 = 4096;

/// What an epoch's folder is called before it is visible.
pub(super) fn hidden_name(epoch: u64) -> String {
    format!("batch-{epoch}")
}

/// Puts an epoch's files into a folder and gives that its name.
pub(super) fn commit(
    paths: &Paths,
    run: Option<&str>,
    epoch: &Epoch,
    files: &[Finished],
) -> Result<()> {
    let target = paths.batch(epoch.time_ms);
    let staged = |file: &Finished| paths.staging.join(&file.staged);
    let hidden = paths.staging.join(hidden_name(epoch.number));
    let owner = run.map(|run| Owner {
        run: run.to_owned(),
        epoch: epoch.number,
    });
    if target.exists() {
        let is_done = match owner {
            Some(_) => success(&target).map_err(failed("read", &target))? == owner,
            None => !hidden.exists() && !files.iter().any(|file| staged(file).exists()),
        };
        return match is_done {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "the folder `{}-{}` exists already: remove it, or write elsewhere",
                paths.given, epoch.time_ms
            ))),
        };
    }
    let steps = &paths.steps;
    let commit = || -> io::Result<()> {
        steps.make_hidden(&hidden)?;
        for file in files {
            steps.rename(&staged(file), &hidden.join(&file.name))?;
        }
        let line = match owner {
            Some(owner) => serde_json::to_string(&owner)? + "\n",
            None => String::new(),
        };
        steps.write(&hidden.join("_SUCCESS"), line.as_bytes())?;
        steps.sync(&hidden)?;
        steps.rename(&hidden, &target)?;
        steps.sync(paths.beside())
    };
    commit().map_err(failed("commit", &target))
}

/// The same for the recorded epoch of a run that comes back: some or all of it
/// may be done.
pub(super) fn commit_again(paths: &Paths, again: &Again<'_>, epoch: &Epoch) -> Result<()> {
    let target = paths.batch(epoch.time_ms);
    if target.exists() {
        return commit(paths, Some(again.run), epoch, again.tokens);
    }
    let hidden = paths.staging.join(hidden_name(epoch.number));
    let is_there = |file: &Finished| -> io::Result<bool> {
        Ok(paths.has(&paths.staging.join(&file.staged), file)?
            || paths.has(&hidden.join(&file.name), file)?)
    };
    let mut there = Vec::new();
    for file in again.tokens {
        if is_there(file).map_err(failed("commit", &target))? {
            there.push(file.clone());
        }
    }
    if there.is_empty() && !hidden.exists() {
        // Only a commit takes files out of the hidden folder of a run: whoever
        // reads the batches has taken this one away since.
        let owner = paths.owner().map_err(failed("read", &paths.staging))?;
        if owner.as_deref() == Some(again.run) {
            return Ok(());
        }
    }
    for file in again.tokens {
        if !there.contains(file) {
            again.gone(paths, file)?;
        }
    }
    match there.is_empty() {
        true => Ok(()),
        false => commit(paths, Some(again.run), epoch, &there),
    }
}

/// Folders of other runs, and of epochs that are not recorded. Those that say
/// nothing of a run are in nobody's way: each has a time of its own.
pub(super) fn strangers(paths: &Paths, recovery: &Recovery) -> io::Result<Vec<Stranger>> {
    let entries = match fs::read_dir(paths.beside()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let time = name
            .strip_prefix(paths.name().as_ref())
            .and_then(|name| name.strip_prefix('-'))
            .and_then(|time| time.parse::<i64>().ok());
        let (Some(time), Some(owner)) = (time, success(&entry.path())?) else {
            continue;
        };
        let last = recovery.epoch;
        let why = match owner.run == recovery.run {
            true if last.is_some_and(|last| owner.epoch <= last) => continue,
            true => Why::Ahead(owner.epoch),
            false => Why::OfRun(Some(owner.run)),
        };
        found.push((
            time,
            Stranger {
                witness: format!("{}-{time}", paths.given),
                why,
                paths: vec![entry.path()],
            },
        ));
    }
    found.sort_by_key(|(time, _)| *time);
    Ok(found.into_iter().map(|(_, stranger)| stranger).collect())
}

/// Whose a batch's folder is; `None` if it does not say.
fn success(folder: &Path) -> io::Result<Option<Owner>> {
    let file = match File::open(folder.join("_SUCCESS")) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST_SUCCESS).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes).ok())
}
