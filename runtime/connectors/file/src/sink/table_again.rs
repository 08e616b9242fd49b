//! Layouts `table` and `rolling`: the commit of the recorded epoch of a run that comes back.
//!
//! A file of it may be hidden still, visible and not listed, or listed: under the
//! recorded epoch, or, of a rolling file that was open, under the one before, if
//! it was kept when the run stopped.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};

use azud_model::{Mode, Result};

use super::again::{Again, is_copy};
use super::log::Log;
use super::paths::Paths;
use super::staged::{Finished, failed};
use super::table::{earlier, list, unlisted};
use crate::list::Listed;

/// Where a recorded file is.
enum Place {
    /// It is listed: there is nothing to do, also where somebody has taken it away.
    Listed,
    /// It has, or is to get, a name of this epoch.
    Of(u64),
    Gone,
}

/// What earlier steps have left of the recorded files.
struct Left {
    /// By the names of files, the epoch that lists them.
    listed: HashMap<String, (u64, Listed)>,
    /// Visible files, each with its epoch and lane.
    visible: Vec<(u64, u64)>,
}

/// Makes visible what the epoch recorded, and is not visible yet.
pub(super) fn commit(paths: &Paths, mode: Mode, again: &Again<'_>) -> Result<()> {
    let failed = || failed("commit", &paths.target);
    let left = Left::find(paths, again).map_err(failed())?;
    let mut epochs: BTreeMap<u64, Vec<Finished>> = BTreeMap::new();
    if mode == Mode::Complete {
        // Also an empty table has a list, and what was before it goes.
        epochs.insert(again.epoch, Vec::new());
    }
    let mut is_whole = true;
    for token in again.tokens {
        let place = left.place(paths, again, token).map_err(failed())?;
        match place {
            Place::Listed if mode != Mode::Complete => {}
            Place::Listed => epochs.entry(again.epoch).or_default().push(token.clone()),
            Place::Of(epoch) => {
                let name = paths.part(epoch, token.lane);
                let shown = paths.steps.rename(
                    &paths.staging.join(&token.staged),
                    &paths.target.join(&name),
                );
                shown.map_err(failed())?;
                let file = Finished {
                    name,
                    ..token.clone()
                };
                epochs.entry(epoch).or_default().push(file);
            }
            Place::Gone => {
                again.gone(paths, token)?;
                is_whole = false;
            }
        }
    }
    // A part of a table is no table: the next epoch writes all of it.
    if mode == Mode::Complete && !is_whole {
        return Ok(());
    }
    if epochs.is_empty() {
        return Ok(());
    }
    let list_all = || -> io::Result<()> {
        paths.steps.sync(&paths.target)?;
        for (epoch, files) in &epochs {
            list(
                paths,
                Some(again.run),
                mode,
                *epoch,
                files,
                earlier(paths, mode)?,
            )?;
        }
        Ok(())
    };
    list_all().map_err(failed())
}

// === impl Left ===

impl Left {
    fn find(paths: &Paths, again: &Again<'_>) -> io::Result<Self> {
        let since = again.tokens.iter().map(|token| token.since).min();
        let range = since.unwrap_or(again.epoch)..=again.epoch;
        let log = Log::new(paths);
        let mut listed = HashMap::new();
        for epoch in log.epochs()? {
            if !range.contains(&epoch) {
                continue;
            }
            let list = log.read(epoch)?;
            if list.run.as_deref() == Some(again.run) {
                let files = list.files.into_iter();
                listed.extend(files.map(|file| (file.name.clone(), (epoch, file))));
            }
        }
        let parts = paths.parts()?;
        let visible = parts.iter().filter_map(|name| paths.part_of(name));
        Ok(Self {
            listed,
            visible: visible.filter(|(epoch, _)| range.contains(epoch)).collect(),
        })
    }

    /// # Errors
    /// If something else has its name: never to be overwritten.
    fn place(&self, paths: &Paths, again: &Again<'_>, token: &Finished) -> io::Result<Place> {
        let range = token.since..=again.epoch;
        let listed = |(name, (epoch, file)): (&String, &(u64, Listed))| {
            let of_lane = *name == paths.part(*epoch, token.lane);
            (of_lane && range.contains(epoch)).then(|| file.clone())
        };
        if let Some(file) = self.listed.iter().find_map(listed) {
            if (file.rows, file.bytes) == (token.rows, token.bytes) {
                return Ok(Place::Listed);
            }
            let reason = format!(
                "`{}` is listed with {} rows and {} bytes, and {} rows and {} bytes were recorded: \
                 it is not what this run has written",
                file.name, file.rows, file.bytes, token.rows, token.bytes
            );
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        let staged = paths.staging.join(&token.staged);
        let is_staged = paths.has(&staged, token)?;
        let of_lane =
            |(epoch, lane): &&(u64, u64)| *lane == token.lane as u64 && range.contains(epoch);
        let Some((epoch, _)) = self.visible.iter().find(of_lane) else {
            return Ok(match is_staged {
                true => Place::Of(again.epoch),
                false => Place::Gone,
            });
        };
        let name = paths.part(*epoch, token.lane);
        let visible = paths.target.join(&name);
        let is_ours = match is_staged {
            true => is_copy(&visible, &staged, token.bytes)?,
            false => Paths::length(&visible)? == Some(token.bytes),
        };
        match is_ours {
            true => Ok(Place::Of(*epoch)),
            false => Err(io::Error::new(
                ErrorKind::AlreadyExists,
                unlisted(paths, &name),
            )),
        }
    }
}
