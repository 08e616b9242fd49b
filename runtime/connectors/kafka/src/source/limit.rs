//! What an epoch may take (`max_rows`, `max_bytes`), split over partitions by what waits in each.
//!
//! As Spark splits `maxOffsetsPerTrigger` (`KafkaMicroBatchStream.rateLimit`): while a pipeline
//! catches up all partitions come to their ends together. Taken from whichever is fetched first,
//! event time would run ahead with it, and what is in the others would come too late.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_connect::Records;

use super::begin::Begin;
use super::place::TopicPartition;
use crate::stopwatch::Stopwatch;

/// A partition of which so much was fetched and has no room in this epoch is paused.
const MUCH: u64 = 4 << 20;

/// What may be held of all partitions together, about: of many, each may have less.
const MUCH_OF_ALL: u64 = 64 << 20;

/// What a record takes beside its columns, and what a chunk of them does.
const RECORD: u64 = 16;
const CHUNK: u64 = 1024;

/// A partition of which nothing has come for so long has nothing: the offsets that wait in it are
/// of aborted transactions, or of records that were compacted.
const QUIET: Duration = Duration::from_millis(200);

/// So many rows and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    rows: u64,
    bytes: u64,
}

/// What all readers of an attempt may take in an epoch together.
pub(super) struct Limit {
    all: Share,
    state: Mutex<State>,
}

struct State {
    /// The epoch that it was split for.
    epoch: Option<u64>,
    /// Whether anything was given in it.
    has_given: bool,
    parts: HashMap<String, Part>,
    /// What any partition may take.
    spare: Share,
    /// Rows that were given so far, and their bytes.
    given: Share,
}

/// A partition.
struct Part {
    place: TopicPartition,
    next: i64,
    /// The offset after the last record that is known to be there.
    end: i64,
    left: Share,
    /// Rows that were fetched and are not given yet, and the memory that they take.
    held: Share,
    /// Since when nothing was fetched.
    since: Stopwatch,
    /// Fractions of a row that it was due in epochs before, of 2^32; less than none where it had more.
    credit: i64,
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
                has_given: false,
                parts: HashMap::new(),
                spare: all,
                given: Share::NONE,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition is going to be fetched, and has records up to `end`. In an epoch that has given
    /// something it has what is spare.
    pub(super) fn add(&self, begin: &Begin, end: i64) {
        let part = Part {
            place: begin.partition.clone(),
            next: begin.place.offset,
            end,
            left: Share::NONE,
            held: Share::NONE,
            since: Stopwatch::start(),
            credit: 0,
            is_paused: false,
            has_ended: false,
        };
        let mut state = self.state();
        let before = state.parts.insert(begin.partition.name(), part);
        state.spare = state
            .spare
            .and(before.map_or(Share::NONE, |part| part.left));
        if !state.has_given && state.epoch.is_some() {
            state.split(self.all);
        }
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

    /// A partition has records up to that offset.
    pub(super) fn grows(&self, name: &str, end: i64) {
        if let Some(part) = self.state().parts.get_mut(name) {
            part.end = end;
        }
    }

    /// A partition goes on elsewhere: what came next is not there any more.
    pub(super) fn moves(&self, name: &str, next: i64, end: i64) {
        if let Some(part) = self.state().parts.get_mut(name) {
            (part.next, part.end) = (next, end);
        }
    }

    /// Splits it anew, where no other reader has done so for that epoch.
    pub(super) fn start_epoch(&self, epoch: u64) {
        let mut state = self.state();
        if state.epoch.replace(epoch) != Some(epoch) {
            state.has_given = false;
            state.split(self.all);
        }
    }

    /// Those records were fetched.
    pub(super) fn fetched(&self, records: &Records) {
        let mut state = self.state();
        let most = MUCH.min(MUCH_OF_ALL / state.parts.len().max(1) as u64);
        if let Some(part) = state.parts.get_mut(&*records.partition.name) {
            part.since = Stopwatch::start();
            part.held = part.held.and(memory(records));
            part.is_paused |= part.held.bytes > most;
        }
    }

    /// How many of those records are given now; they count as given.
    pub(super) fn take(&self, records: &Records) -> usize {
        let mut state = self.state();
        let state = &mut *state;
        let Some(part) = state.parts.get_mut(&*records.partition.name) else {
            return 0;
        };
        let count = part.left.and(state.spare).fitting(records);
        let Some(last) = count.checked_sub(1) else {
            return 0;
        };
        let size = records.payload.records.get(last).map_or(0, |last| last.end);
        let taken = Share {
            rows: count as u64,
            bytes: u64::from(size),
        };
        state.has_given = true;
        state.given = state.given.and(taken);
        let rest = part.left.take(taken);
        state.spare.take(rest);
        part.gives(taken.rows);
        let next = i64::try_from(records.position(last)).unwrap_or(i64::MAX);
        part.next = next.saturating_add(1);
        state.spare = state.spare.and(part.unused());
        count
    }

    /// Whether nothing more is given in this epoch. What is left to partitions that make no use of
    /// it goes to those that wait.
    pub(super) fn is_over(&self) -> bool {
        let mut state = self.state();
        let left = state.left();
        if left.is_used() {
            return true;
        }
        let spare = state.spare;
        let has_room = |part: &Part| part.waiting() > 0 && !part.left.and(spare).is_used();
        let wait = state.parts.values().any(|part| part.held.rows > 0);
        if wait && !state.parts.values().any(has_room) {
            state.split(left);
        }
        false
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
        let has_none = self.has_ended || self.since.elapsed() > QUIET;
        match self.held.rows == 0 && has_none {
            true => 0,
            false => u64::try_from(self.end - self.next)
                .unwrap_or(0)
                .max(self.held.rows),
        }
    }

    /// Gives back what it can make no use of any more.
    fn unused(&mut self) -> Share {
        match self.has_ended && self.held.rows == 0 {
            true => std::mem::replace(&mut self.left, Share::NONE),
            false => Share::NONE,
        }
    }

    /// So many rows are held no longer.
    fn gives(&mut self, rows: u64) {
        let held = self.held;
        let bytes = portion(held.bytes, rows, held.rows).0;
        self.held.take(Share { rows, bytes });
        if self.held.rows == 0 {
            self.held = Share::NONE;
        }
        self.is_paused &= self.held.bytes > MUCH / 4;
    }
}

// === impl State ===

impl State {
    /// What is left to anybody.
    fn left(&self) -> Share {
        let parts = self.parts.values();
        parts.fold(self.spare, |left, part| left.and(part.left))
    }

    fn split(&mut self, all: Share) {
        let waiting: u64 = self.parts.values().map(Part::waiting).sum();
        let size = self.given.bytes.checked_div(self.given.rows);
        let bytes = size.unwrap_or(u64::MAX).saturating_mul(waiting);
        if waiting <= all.rows && bytes <= all.bytes {
            // Whatever comes has room: also of a partition of which nobody knows yet.
            self.spare = all;
            for part in self.parts.values_mut() {
                (part.left, part.credit) = (Share::NONE, 0);
            }
            return;
        }
        self.spare = Share::NONE;
        let mut left = all.rows;
        let mut due = Vec::new();
        for part in self.parts.values_mut() {
            let waits = part.waiting();
            let (rows, fraction) = portion(all.rows, waits, waiting);
            // Of a partition that has any record there is room for one.
            let bytes = portion(all.bytes, waits, waiting).0.max(1);
            part.left = Share { rows, bytes };
            left = left.saturating_sub(rows);
            if waits > 0 {
                part.credit = part.credit.saturating_add(fraction);
                due.push(part);
            } else {
                (part.left, part.credit) = (Share::NONE, 0);
            }
        }
        // What is less than a row goes to those who have been due most of it: in the end to all.
        due.sort_by(|part, other| {
            let by_credit = other.credit.cmp(&part.credit);
            by_credit.then_with(|| part.place.cmp(&other.place))
        });
        let most = match all.rows {
            u64::MAX => 0,
            _ => usize::try_from(left).unwrap_or(usize::MAX),
        };
        for part in due.into_iter().take(most) {
            part.left.rows += 1;
            part.credit -= ONE;
        }
    }
}

/// A whole row, as fractions are counted.
const ONE: i64 = 1 << 32;

/// That part of `all`, rounded down, and the fraction that is left over; no limit is not split.
fn portion(all: u64, part: u64, whole: u64) -> (u64, i64) {
    if all == u64::MAX {
        return (all, 0);
    }
    let whole = u128::from(whole).max(1);
    let product = u128::from(all) * u128::from(part);
    let share = u64::try_from(product / whole).unwrap_or(u64::MAX);
    // Less than one, and so less than 2^32 of its parts.
    let fraction = ((product % whole) << 32) / whole;
    (share, i64::try_from(fraction).unwrap_or(0))
}

/// The rows of a chunk, and what they take.
fn memory(records: &Records) -> Share {
    let columns = records.metadata.as_ref();
    let columns = columns.map_or(0, RecordBatch::get_array_memory_size);
    let bytes = records.payload.bytes.len() + columns;
    let rows = records.len() as u64;
    Share {
        rows,
        bytes: bytes as u64 + rows * RECORD + CHUNK,
    }
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
