//! What a plugin is told beside rows: which key, what time it is, which timers there are.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Batch, Column, Error, Result, Type};

/// A timer of a key. Times are microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Due when the watermark has come so far.
    Event(i64),
    /// Due at the end of the first epoch that ends at this time or later.
    Processing(i64),
}

/// Times of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    pub(crate) now: i64,
    pub(crate) watermark: i64,
}

/// Timers of a key.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    pub(crate) due: BTreeSet<Timer>,
    /// `None`: nobody has asked for them.
    pub(crate) pending: Option<BTreeSet<Timer>>,
    pub(crate) set: BTreeSet<Timer>,
    pub(crate) deleted: BTreeSet<Timer>,
}

/// A key, at the time of a call.
pub struct Context<'a> {
    keys: &'a Batch<'a>,
    place: usize,
    clocks: Clocks,
    timers: &'a mut Timers,
    rejected: &'a mut BTreeMap<u32, String>,
    /// Rows of the batch; 0 where a timer is due.
    rows: usize,
}

// === impl Timer ===

impl Timer {
    /// When it is due.
    pub fn time(self) -> i64 {
        match self {
            Self::Event(time) | Self::Processing(time) => time,
        }
    }
}

// === impl Context ===

impl<'a> Context<'a> {
    pub(crate) fn new(
        keys: &'a Batch<'a>,
        place: usize,
        clocks: Clocks,
        timers: &'a mut Timers,
        (rejected, rows): (&'a mut BTreeMap<u32, String>, usize),
    ) -> Self {
        Self {
            keys,
            place,
            clocks,
            timers,
            rejected,
            rows,
        }
    }

    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// A column of the key, by its name: `None` where it is null.
    pub fn key<T: Type>(&self, name: &str) -> Result<Option<T::Value<'a>>> {
        let column: Column<'a, T> = self.keys.column(name)?;
        Ok(column.get(self.place))
    }

    /// Processing time, in microseconds; of timers of processing time that of the epoch's end.
    pub fn now(&self) -> i64 {
        self.clocks.now
    }

    /// How far event time has come, in microseconds: `i64::MIN` before the first row,
    /// `i64::MAX` at the end of all input, when every timer of event time is due and none need
    /// be set again.
    pub fn watermark(&self) -> i64 {
        self.clocks.watermark
    }

    /// Sets a timer for the key; one that is there already is there once. One whose time has
    /// come is due at the end of the epoch. Where a timer that is due sets another one of event
    /// time, that comes in the same epoch, in its order, if it is later; one of processing time
    /// that another one of processing time sets comes in the next.
    pub fn set_timer(&mut self, timer: Timer) {
        self.timers.deleted.remove(&timer);
        self.timers.set.insert(timer);
    }

    /// Removes a timer of the key, if it has it.
    pub fn delete_timer(&mut self, timer: Timer) {
        self.timers.due.remove(&timer);
        self.timers.set.remove(&timer);
        self.timers.deleted.insert(timer);
    }

    /// The timers that the key has, in order of kind and time. An error where `open` has not
    /// called [`pending_timers`](crate::KeyedSetup::pending_timers).
    pub fn timers(&self) -> Result<Vec<Timer>> {
        let timers = &self.timers;
        let pending = timers.pending.as_ref();
        let pending = pending
            .ok_or_else(|| Error::new("`open` has not called `pending_timers`"))?
            .difference(&timers.deleted);
        let all = pending.chain(&timers.set).chain(&timers.due);
        let all: BTreeSet<Timer> = all.copied().collect();
        Ok(all.into_iter().collect())
    }

    /// Says that a row of the batch can never be processed: it goes to the dead letters with
    /// this reason; of several the first counts.
    ///
    /// # Panics
    /// If the batch has no such row; where a timer is due there is none.
    pub fn reject(&mut self, row: usize, reason: impl Into<String>) {
        assert!(
            row < self.rows,
            "row {row} of a batch of {} is rejected",
            self.rows
        );
        self.rejected.entry(row as u32).or_insert(reason.into());
    }
}
