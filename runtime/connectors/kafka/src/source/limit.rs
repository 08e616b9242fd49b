//! What an epoch may take (`max_rows`, `max_bytes`), split over partitions by what waits in each.
//!
//! As Spark splits `maxOffsetsPerTrigger` (`KafkaMicroBatchStream.rateLimit`): while a pipeline
//! catches up all partitions come to their ends together. Taken from whichever is fetched first,
//! event time would run ahead with it, and what is in the others would come too late.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use azud_connect::Records;

use super::begin::Begin;
use super::place::TopicPartition;

/// A partition of which so many bytes were fetched and have no room in this epoch is paused.
const MUCH: u64 = 4 << 20;

/// It is no longer, once there are less.
const LITTLE: u64 = 1 << 20;

/// So many rows and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    rows: u64,
    bytes: u64,
}

/// What all readers of an attempt may take in an epoch together.
#[derive(Debug)]
pub(super) struct Limit {
    all: Share,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The epoch that it was split for.
    epoch: Option<u64>,
    parts: HashMap<String, Part>,
    /// What any partition may take.
    spare: Share,
    /// Rows that were given so far, and their bytes.
    given: Share,
}

/// A partition.
#[derive(Debug)]
struct Part {
    place: TopicPartition,
    next: i64,
    /// The offset after the last record that is known to be there.
    end: i64,
    left: Share,
    /// The bytes that were fetched and are not given yet.
    held: u64,
    is_paused: bool,
    /// Whether no more is fetched.
    has_ended: bool,
}

// === impl Share ===

impl Share {
    const NONE: Self = Self { rows: 0, bytes: 0 };

    fn is_used(self) -> bool {
        self.rows == 0 || self.bytes == 0
    }

    fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows.saturating_add(other.rows),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// Takes as much as there is; answers what is still to be taken elsewhere.
    fn take(&mut self, wanted: Self) -> Self {
        let rest = Self {
            rows: wanted.rows.saturating_sub(self.rows),
            bytes: wanted.bytes.saturating_sub(self.bytes),
        };
        self.rows = self.rows.saturating_sub(wanted.rows);
        self.bytes = self.bytes.saturating_sub(wanted.bytes);
        rest
    }

    /// How many of those records there is room for: the last one may reach beyond it.
    fn fitting(self, records: &Records) -> usize {
        if self.is_used() {
            return 0;
        }
        let rows = usize::try_from(self.rows).unwrap_or(usize::MAX);
        let others = records.payload.records.get(1..).unwrap_or_default();
        let bytes = others.partition_point(|record| u64::from(record.start) < self.bytes) + 1;
        rows.min(bytes).min(records.len())
    }
}

// === impl Limit ===

impl Limit {
    /// `None` where nothing is limited.
    pub(super) fn new(rows: Option<u64>, bytes: Option<u64>) -> Option<Self> {
        if rows.is_none() && bytes.is_none() {
            return None;
        }
        let all = Share {
            rows: rows.unwrap_or(u64::MAX),
            bytes: bytes.unwrap_or(u64::MAX),
        };
        Some(Self {
            all,
            state: Mutex::new(State {
                epoch: None,
                parts: HashMap::new(),
                spare: all,
                given: Share::NONE,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition is read, and has records up to `end`; in this epoch it has what is spare.
    pub(super) fn add(&self, begin: &Begin, end: i64) {
        let part = Part {
            place: begin.partition.clone(),
            next: begin.place.offset,
            end,
            left: Share::NONE,
            held: 0,
            is_paused: false,
            has_ended: false,
        };
        self.state().parts.insert(begin.partition.name(), part);
    }

    /// A partition is fetched no more: others may take what is left to it, save for what waits.
    pub(super) fn end(&self, name: &str) {
        let mut state = self.state();
        let state = &mut *state;
        if let Some(part) = state.parts.get_mut(name) {
            part.has_ended = true;
            state.spare = state.spare.and(part.unused());
        }
    }

    /// There are records of that partition up to that offset.
    pub(super) fn grows(&self, name: &str, end: i64) {
        if let Some(part) = self.state().parts.get_mut(name) {
            part.end = part.end.max(end);
        }
    }

    /// Splits it anew, where no other reader has done so for that epoch.
    pub(super) fn start_epoch(&self, epoch: u64) {
        let mut state = self.state();
        if state.epoch.replace(epoch) != Some(epoch) {
            state.split(self.all);
        }
    }

    /// So many bytes of a partition were fetched.
    pub(super) fn fetched(&self, records: &Records) {
        if let Some(part) = self.state().parts.get_mut(&*records.partition.name) {
            part.held += records.payload.bytes.len() as u64;
            part.is_paused |= part.held > MUCH;
        }
    }

    /// How many of those records are given now; they count as given.
    ///
    /// `borrows`: also what is left to partitions of which nothing was fetched.
    pub(super) fn take(&self, records: &Records, borrows: bool) -> usize {
        let mut state = self.state();
        let state = &mut *state;
        let name = &*records.partition.name;
        let own = state.parts.get(name).map_or(Share::NONE, |part| part.left);
        let mut room = own.and(state.spare);
        if borrows {
            let idle = state.parts.iter();
            let idle = idle.filter(|(other, part)| part.held == 0 && *other != name);
            room = idle.fold(room, |room, (_, part)| room.and(part.left));
        }
        let count = room.fitting(records);
        let Some(last) = count.checked_sub(1) else {
            return 0;
        };
        let size = records.payload.records.get(last).map_or(0, |last| last.end);
        let taken = Share {
            rows: count as u64,
            bytes: u64::from(size),
        };
        state.given = state.given.and(taken);
        let mut rest = taken;
        if let Some(part) = state.parts.get_mut(name) {
            rest = part.left.take(rest);
            part.held = part.held.saturating_sub(taken.bytes);
            part.is_paused &= part.held > LITTLE;
            let next = i64::try_from(records.position(last)).unwrap_or(i64::MAX);
            part.next = next.saturating_add(1);
        }
        rest = state.spare.take(rest);
        if let Some(part) = state.parts.get_mut(name) {
            state.spare = state.spare.and(part.unused());
        }
        if borrows {
            let idle = state.parts.values_mut().filter(|part| part.held == 0);
            idle.fold(rest, |rest, part| part.left.take(rest));
        }
        count
    }

    /// Whether nothing is left to those partitions.
    pub(super) fn is_used_by<'a>(&self, mut names: impl Iterator<Item = &'a String>) -> bool {
        let state = self.state();
        let is_used = |name: &String| match state.parts.get(name) {
            Some(part) => part.left.and(state.spare).is_used(),
            None => true,
        };
        state.spare.is_used() && names.all(is_used)
    }

    /// Whether nothing is left to anybody.
    pub(super) fn is_used(&self) -> bool {
        let state = self.state();
        let left = state.parts.values();
        let left = left.fold(state.spare, |left, part| left.and(part.left));
        left.is_used()
    }

    /// The partitions of which enough was fetched.
    pub(super) fn paused(&self) -> Vec<TopicPartition> {
        let state = self.state();
        let paused = state.parts.values().filter(|part| part.is_paused);
        paused.map(|part| part.place.clone()).collect()
    }
}

// === impl Part ===

impl Part {
    /// How many records wait, as far as is known: of a log with gaps there are fewer.
    fn waiting(&self) -> u64 {
        match self.has_ended && self.held == 0 {
            true => 0,
            false => u64::try_from(self.end - self.next).unwrap_or(0),
        }
    }

    /// Gives back what it can make no use of any more.
    fn unused(&mut self) -> Share {
        match self.has_ended && self.held == 0 {
            true => std::mem::replace(&mut self.left, Share::NONE),
            false => Share::NONE,
        }
    }
}

// === impl State ===

impl State {
    fn split(&mut self, all: Share) {
        let waiting: u64 = self.parts.values().map(Part::waiting).sum();
        let size = self.given.bytes.checked_div(self.given.rows);
        let bytes = size.unwrap_or(u64::MAX).saturating_mul(waiting);
        if waiting <= all.rows && bytes <= all.bytes {
            // Whatever comes has room: also of a partition of which nobody knows yet.
            self.spare = all;
            for part in self.parts.values_mut() {
                part.left = Share::NONE;
            }
            return;
        }
        self.spare = Share::NONE;
        let mut left = all.rows;
        let mut rests = Vec::new();
        for part in self.parts.values_mut() {
            let waits = part.waiting();
            let (rows, rest) = portion(all.rows, waits, waiting);
            // Of a partition that has any record there is room for one.
            let bytes = portion(all.bytes, waits, waiting).0;
            part.left = Share {
                rows,
                bytes: bytes.max(u64::from(waits > 0)),
            };
            left = left.saturating_sub(rows);
            rests.push((rest, part));
        }
        // What is less than a row goes to those who have most of it.
        rests.sort_by(|(rest, part), (other, next)| {
            let by_rest = other.cmp(rest);
            by_rest.then_with(|| part.place.cmp(&next.place))
        });
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let fractions = rests.into_iter().filter(|(rest, _)| *rest > 0);
        for (_, part) in fractions.take(most) {
            part.left.rows += 1;
        }
    }
}

/// That part of `all`, rounded down, and what is left over; no limit is split.
fn portion(all: u64, part: u64, whole: u64) -> (u64, u128) {
    if all == u64::MAX {
        return (all, 0);
    }
    let (product, whole) = (u128::from(all) * u128::from(part), u128::from(whole).max(1));
    let share = u64::try_from(product / whole).unwrap_or(u64::MAX);
    (share, product % whole)
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
