//! What is known of the files of a source, from one look to the next.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use azud_model::Clock;

use super::found::Found;
use super::place::Place;

/// What decides when a file is read, and by whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) settle: Duration,
    /// Only what is there at the first look is read.
    pub(super) finite: bool,
    /// Every so many files a new round starts, so that each reader's part of an
    /// epoch's files is what its share allows.
    pub(super) round: u64,
}

#[derive(Default)]
pub(super) struct State {
    /// Files that were found, by name. One that is not there any more is
    /// forgotten: so this is never larger than what listing the folder takes.
    pub(super) known: HashMap<String, Known>,
    /// Where files of an earlier run go on.
    pub(super) places: HashMap<String, Place>,
    /// Files that an earlier run read to their end.
    pub(super) finished: HashMap<String, Place>,
    pub(super) hands: Vec<VecDeque<(Found, Place)>>,
    pub(super) dealt: u64,
    pub(super) looked: Option<Duration>,
}

/// How a file was at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As when it was opened, of this size.
    Whole(u64),
    /// Somebody writes to it, so there may be more.
    Changed { grew: bool },
}

/// How far a file has come.
pub(super) enum Known {
    /// Its time and size, and since when it has had them.
    Settling(i64, u64, Duration),
    /// It waits for its reader, or is being read.
    Dealt,
    /// It was read to its end: its size then, and the number of its last line.
    Read(u64, u64),
    /// There is nothing more to do or to say.
    Left,
}

// === impl State ===

impl State {
    /// Takes what a look found, and the names of files that it may have missed;
    /// returns what a person has to be told.
    pub(super) fn take(
        &mut self,
        files: Vec<Found>,
        missed: Vec<String>,
        rules: &Rules,
        clock: &dyn Clock,
    ) -> Vec<String> {
        let now = clock.elapsed();
        let is_first = self.looked.replace(now).is_none();
        let mut known = HashMap::with_capacity(files.len());
        let mut warnings = Vec::new();
        if is_first {
            self.rename_places(&files);
        }
        warnings.extend(self.forget_places(&files, &missed));
        for name in missed {
            known.extend(self.known.remove_entry(&name));
        }
        for file in files {
            let fate = match self.known.remove(&file.name) {
                // It came after the start.
                None if rules.finite && !is_first => continue,
                Some(Known::Read(size, line)) if size != file.size => {
                    warnings.push(changed(&file.name, "after", size < file.size, line));
                    Known::Left
                }
                Some(old @ (Known::Dealt | Known::Read(..) | Known::Left)) => old,
                old if has_settled(&file, old.as_ref(), rules, clock) => {
                    match self.settled(&file, rules.round) {
                        Known::Read(size, line) if size != file.size => {
                            warnings.push(changed(&file.name, "after", size < file.size, line));
                            Known::Left
                        }
                        known => known,
                    }
                }
                Some(old @ Known::Settling(..)) if is_as(&old, &file) => old,
                Some(_) if rules.finite => {
                    warnings.push(format!(
                        "`{}` is still being written: this run does not read it",
                        file.name
                    ));
                    Known::Left
                }
                _ => Known::Settling(file.modified_ms, file.size, now),
            };
            known.insert(file.name, fate);
        }
        self.finished.retain(|name, _| known.contains_key(name));
        self.known = known;
        warnings
    }

    /// An earlier run's manifest may have written the path in another way: `in`, not `./in`.
    fn rename_places(&mut self, files: &[Found]) {
        let named: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let (same, other): (HashMap<_, _>, HashMap<_, _>) = std::mem::take(&mut self.places)
            .into_iter()
            .partition(|(name, _)| named.contains(name.as_str()));
        self.places = same;
        if other.is_empty() {
            return;
        }
        let by_path = files.iter().map(|file| (plain(&file.name), &file.name));
        let by_path: HashMap<PathBuf, &String> = by_path.collect();
        for (name, place) in other {
            let now = by_path.get(&plain(&name)).map_or(&name, |now| now);
            self.places.entry(now.clone()).or_insert(place);
        }
    }

    /// Files of an earlier run that are gone: their places would be kept for ever.
    fn forget_places(&mut self, files: &[Found], missed: &[String]) -> Vec<String> {
        if self.places.is_empty() {
            return Vec::new();
        }
        let there: HashSet<&str> = files
            .iter()
            .map(|file| file.name.as_str())
            .chain(missed.iter().map(String::as_str))
            .collect();
        let mut lost = Vec::new();
        self.places.retain(|name, place| {
            let is_there = there.contains(name.as_str());
            if !is_there && !place.done {
                lost.push(format!(
                    "`{name}` was read up to line {} before, and is gone: what followed is not read",
                    place.last_line()
                ));
            }
            is_there
        });
        lost.sort();
        lost
    }

    /// Deals a file, unless an earlier run has read all of it.
    fn settled(&mut self, file: &Found, round: u64) -> Known {
        let place = self.places.remove(&file.name).unwrap_or_default();
        if place.done {
            self.finished.insert(file.name.clone(), place);
            return Known::Read(place.size.unwrap_or(file.size), place.last_line());
        }
        self.deal(round, file.clone(), place);
        Known::Dealt
    }

    pub(super) fn deal(&mut self, round: u64, file: Found, place: Place) {
        let readers = self.hands.len().max(1) as u64;
        let reader = self.dealt % round % readers;
        self.dealt += 1;
        let hand = usize::try_from(reader)
            .ok()
            .and_then(|reader| self.hands.get_mut(reader));
        if let Some(hand) = hand {
            hand.push_back((file, place));
        }
    }

    /// A file was read to its end; `line` was its last. Answers what a person
    /// has to be told.
    pub(super) fn ended(&mut self, name: &str, end: &End, line: u64) -> Option<String> {
        let known = self.known.get_mut(name);
        let (fate, warning) = match *end {
            End::Whole(size) => (Known::Read(size, line), None),
            End::Changed { grew } => (Known::Left, Some(changed(name, "while", grew, line))),
        };
        if let Some(known) = known {
            *known = fate;
        }
        warning
    }

    /// How many files have been found and not been dealt.
    pub(super) fn settling(&self) -> usize {
        let settling = |known: &&Known| matches!(known, Known::Settling(..));
        self.known.values().filter(settling).count()
    }
}

/// Whether a file has not changed for long enough: by its time, or where
/// clocks differ by having been looked at before.
fn has_settled(file: &Found, earlier: Option<&Known>, rules: &Rules, clock: &dyn Clock) -> bool {
    let age = clock.wall_ms().saturating_sub(file.modified_ms);
    let settle = i64::try_from(rules.settle.as_millis()).unwrap_or(i64::MAX);
    let watched = match earlier {
        Some(old @ Known::Settling(.., since)) if is_as(old, file) => {
            clock.elapsed().saturating_sub(*since) >= rules.settle
        }
        _ => false,
    };
    rules.settle.is_zero() || age >= settle || watched
}

/// Whether a file has still the time and size that it had.
fn is_as(known: &Known, file: &Found) -> bool {
    matches!(known, Known::Settling(time, size, _) if (*time, *size) == (file.modified_ms, file.size))
}

/// A path without what does not matter in it: `./in//a` is `in/a`.
fn plain(name: &str) -> PathBuf {
    let parts = Path::new(name).components();
    parts.filter(|part| *part != Component::CurDir).collect()
}

fn changed(name: &str, when: &str, grew: bool, line: u64) -> String {
    match grew {
        true => {
            format!("`{name}` grew {when} it was read: what follows line {line} is not read")
        }
        false => format!("`{name}` changed {when} it was read: it is not read again"),
    }
}
