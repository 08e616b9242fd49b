//! Layouts `table` and `rolling`: what in the folder is not this run's.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use azud_connect::Recovery;

use super::log::Log;
use super::paths::Paths;
use super::recover::{Stranger, Why};
use super::staged::Finished;
use crate::list::Entry;

/// Lists of other runs, of runs without a checkpoint, and of epochs that are not
/// recorded, each with its files; and files that no list knows, but for those
/// that the recorded epoch's commit may have left.
pub(super) fn find(
    paths: &Paths,
    recovery: &Recovery,
    tokens: &[Finished],
) -> io::Result<Vec<Stranger>> {
    let log = Log::new(paths);
    let mut unlisted: HashSet<String> = paths.parts()?.into_iter().collect();
    let mut found = Vec::new();
    for epoch in log.epochs()? {
        let list = log.read(epoch)?;
        for file in &list.files {
            unlisted.remove(&file.name);
        }
        if let Some(why) = reason(&list, epoch, recovery) {
            found.push(Stranger {
                witness: format!("{}/_azud/{epoch}.json", paths.given),
                why,
                paths: files(paths, &list).chain([log.path(epoch)]).collect(),
            });
        }
    }
    if let Some(last) = &recovery.last {
        let last = last.epoch.number;
        // One that was kept when the run stopped has the name of an earlier epoch.
        let may_be_ours = |name: &String| {
            let (epoch, lane) = paths.part_of(name).unwrap_or_default();
            tokens
                .iter()
                .any(|token| lane == token.lane as u64 && (token.since..=last).contains(&epoch))
        };
        unlisted.retain(|name| !may_be_ours(name));
    }
    let mut unlisted: Vec<String> = unlisted.into_iter().collect();
    unlisted.sort();
    found.extend(unlisted.into_iter().map(|name| Stranger {
        witness: format!("{}/{name}", paths.given),
        why: Why::Unlisted,
        paths: vec![paths.target.join(name)],
    }));
    Ok(found)
}

fn reason(list: &Entry, epoch: u64, recovery: &Recovery) -> Option<Why> {
    if list.run.as_ref() != Some(&recovery.run) {
        return Some(Why::OfRun(list.run.clone()));
    }
    let last = recovery.epoch;
    last.is_none_or(|last| epoch > last)
        .then_some(Why::Ahead(epoch))
}

/// The files of a list, as far as they are in the folder: a list may have been
/// written by anybody.
pub(super) fn files<'a>(paths: &'a Paths, list: &'a Entry) -> impl Iterator<Item = PathBuf> + 'a {
    let plain = |name: &&str| {
        let mut parts = Path::new(*name).components();
        matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none()
    };
    let names = list.files.iter().map(|file| file.name.as_str());
    names.filter(plain).map(|name| paths.target.join(name))
}
