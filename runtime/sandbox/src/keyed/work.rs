//! What a call of a keyed plugin is given, and what it answers.

use arrow::array::{ArrayRef, RecordBatch};

use crate::Rejected;

/// A timer of event time, in [`Timers::kinds`].
pub const EVENT_TIME: u8 = 0;

/// A timer of processing time, in [`Timers::kinds`].
pub const PROCESSING_TIME: u8 = 1;

/// Some keys, and what there is to do for them. Keys are numbers from 0 within a call; times
/// are microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug)]
pub struct KeyedWork {
    /// The columns of the key, one row a key.
    pub keys: Vec<ArrayRef>,
    /// How many keys there are.
    pub count: usize,
    /// New rows, with all columns of the input.
    pub rows: RecordBatch,
    /// The key of each new row.
    pub groups: Vec<u32>,
    /// Timers that are due.
    pub due: Timers,
    /// All other timers of the keys, if the plugin wants to be told.
    pub pending: Timers,
    /// For each state, its rows of these keys.
    pub states: Vec<OwnedRows>,
    /// Processing time.
    pub now: i64,
    /// How far event time has come; `i64::MIN`: nothing is known yet, `i64::MAX`: to the end
    /// of all input.
    pub watermark: i64,
}

/// What became of it, checked: keys are of those that the call was given.
#[derive(Clone, Debug)]
pub struct KeyedAnswer {
    /// Rows of the output.
    pub output: RecordBatch,
    /// New rows that can never be processed, each once.
    pub rejected: Vec<Rejected>,
    /// What becomes of each state.
    pub changes: Vec<KeyedChange>,
    /// Timers that are removed: before others are set.
    pub deleted: Timers,
    /// Timers that are set.
    pub set: Timers,
}

/// What becomes of a state, in this order.
#[derive(Clone, Debug)]
pub struct KeyedChange {
    /// Keys whose rows are all removed.
    pub cleared: Vec<u32>,
    /// Entries of a map that are removed, by their keys; else no rows.
    pub removed: OwnedRows,
    /// Rows that are added, or replace others.
    pub put: OwnedRows,
}

/// Rows of a state, and the key of each.
#[derive(Clone, Debug)]
pub struct OwnedRows {
    /// The rows.
    pub rows: RecordBatch,
    /// The key of each row.
    pub groups: Vec<u32>,
}

/// Timers: entry i of each list is one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// Its key.
    pub groups: Vec<u32>,
    /// When it is due.
    pub times: Vec<i64>,
    /// By which time it goes.
    pub kinds: Vec<u8>,
}

// === impl Timers ===

impl Timers {
    /// Adds one.
    pub fn push(&mut self, group: u32, time: i64, kind: u8) {
        self.groups.push(group);
        self.times.push(time);
        self.kinds.push(kind);
    }

    /// Key, time and kind of each.
    pub fn iter(&self) -> impl Iterator<Item = (u32, i64, u8)> {
        let times = self.times.iter().zip(&self.kinds);
        let timers = self.groups.iter().zip(times);
        timers.map(|(group, (time, kind))| (*group, *time, *kind))
    }
}
