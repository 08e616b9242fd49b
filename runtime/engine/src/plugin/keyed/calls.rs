//! Calls of a keyed plugin, as the search makes them: with new rows, or with timers.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_model::{Batch, Error, Result, iso_micros};
use azud_operators::Collector;
use azud_sandbox::{GuestError, Keyed, KeyedAnswer, KeyedWork, Timers};

use super::differ::KeyedCall;
use super::firing::{Due, Firing};
use super::store::{Now, Store};
use crate::plugin::differ::Beside;
use crate::plugin::rows;
use crate::plugin::search::Calls;
use crate::swap::InLane;

/// Rows of a batch whose keys have numbers.
pub(super) struct RowCalls<'a> {
    pub(super) node: &'a str,
    pub(super) plugin: &'a mut InLane<Keyed>,
    pub(super) store: &'a mut Store,
    pub(super) batch: &'a Batch,
    pub(super) numbers: &'a [u64],
    pub(super) now: Now,
    pub(super) out: &'a mut dyn Collector,
}

/// Timers that are due.
pub(super) struct TimerCalls<'a> {
    pub(super) node: &'a str,
    pub(super) plugin: &'a mut InLane<Keyed>,
    pub(super) store: &'a mut Store,
    pub(super) due: &'a Due,
    pub(super) firing: &'a mut Firing,
    pub(super) now: Now,
    pub(super) out: &'a mut dyn Collector,
}

// === impl RowCalls ===

impl Calls for RowCalls<'_> {
    /// The keys of the call, and its answer.
    type Answer = (Vec<u64>, KeyedAnswer);

    fn call(
        &mut self,
        rows: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<Self::Answer, GuestError> {
        let mut groups: HashMap<u64, u32> = HashMap::new();
        let mut keys = Vec::new();
        let numbers = self.numbers.get(rows.clone()).unwrap_or_default();
        let of_rows = numbers.iter().map(|number| {
            *groups.entry(*number).or_insert_with(|| {
                keys.push(*number);
                u32::try_from(keys.len() - 1).unwrap_or(u32::MAX)
            })
        });
        let of_rows: Vec<u32> = of_rows.collect();
        let part = self.batch.columns().slice(rows.start, rows.len());
        let strict = self.plugin.may_not_reject();
        let (store, now) = (&mut *self.store, self.now);
        let beside = Beside::of(self.plugin, deadline);
        let answer = self.plugin.call(|keyed| {
            let rows = (part.clone(), of_rows.clone());
            let pending = keyed.wants_pending_timers();
            let work = store.work(&keys, rows, Timers::default(), pending, now);
            let answer = keyed.process(&work.map_err(input)?, deadline)?;
            match answer.rejected.first().filter(|_| strict) {
                Some(rejected) => Err(GuestError::Failed(rejected.reason.clone())),
                None => Ok(answer),
            }
        });
        if let Some(beside) = beside {
            let keyed = self.plugin.get();
            let (rows, pending) = ((part, of_rows), keyed.wants_pending_timers());
            let work = store.work(&keys, rows, Timers::default(), pending, now);
            offer(beside, keyed, &answer, (store, &keys, work));
        }
        Ok((keys, answer?))
    }

    fn emit(&mut self, rows: Range<usize>, (keys, answer): Self::Answer) -> Result<()> {
        for rejected in &answer.rejected {
            let row = rows.start + rejected.row as usize;
            let (reason, digest) = (rejected.reason.clone(), self.plugin.digest());
            self.out.reject_by(self.batch, row, reason, digest)?;
        }
        self.store.apply(&keys, &answer, self.now)?;
        emit(answer, self.out)
    }

    fn reject(&mut self, row: usize, reason: String) -> Result<()> {
        let digest = self.plugin.digest();
        self.out.reject_by(self.batch, row, reason, digest)
    }

    fn plugin(&self) -> &str {
        self.plugin.plugin()
    }

    fn taken_back(&self) -> Option<Error> {
        self.plugin.taken_back()
    }

    fn is_tried_out(&self) -> bool {
        self.plugin.is_tried_out()
    }

    fn place(&self, rows: Range<usize>) -> String {
        rows::place(self.batch, rows)
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(format!("node `{}`: {message}", self.node))
    }

    /// A key may have much more state than others.
    fn cost_alike(&self) -> bool {
        false
    }
}

// === impl TimerCalls ===

/// The rows of the search are timers here.
impl Calls for TimerCalls<'_> {
    type Answer = (Due, KeyedAnswer);

    fn call(
        &mut self,
        timers: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<Self::Answer, GuestError> {
        let part = self.due.part(timers);
        let nothing = RecordBatch::new_empty(self.store.plan.input.clone());
        let (store, now) = (&mut *self.store, self.now);
        let beside = Beside::of(self.plugin, deadline);
        let answer = self.plugin.call(|keyed| {
            let nothing = (nothing.clone(), Vec::new());
            let pending = keyed.wants_pending_timers();
            let work = store.work(&part.keys, nothing, part.timers.clone(), pending, now);
            keyed.process(&work.map_err(input)?, deadline)
        });
        if let Some(beside) = beside {
            let keyed = self.plugin.get();
            let (nothing, pending) = ((nothing, Vec::new()), keyed.wants_pending_timers());
            let work = store.work(&part.keys, nothing, part.timers.clone(), pending, now);
            offer(beside, keyed, &answer, (store, &part.keys, work));
        }
        Ok((part, answer?))
    }

    fn emit(&mut self, _: Range<usize>, (part, answer): Self::Answer) -> Result<()> {
        self.store.apply(&part.keys, &answer, self.now)?;
        let followed = self.firing.follow(&part, &answer);
        followed.map_err(|error| self.stop(error.to_string()))?;
        emit(answer, self.out)
    }

    /// As a row that has the columns of the key.
    fn reject(&mut self, timer: usize, reason: String) -> Result<()> {
        let part = self.due.part(timer..timer + 1);
        let keys = Batch::without_origin(self.store.key_rows(&part.keys)?);
        let time = part.timers.times.first().copied().unwrap_or(0);
        let reason = format!("a timer at {}: {reason}", iso_micros(time));
        self.out.reject_by(&keys, 0, reason, self.plugin.digest())
    }

    fn plugin(&self) -> &str {
        self.plugin.plugin()
    }

    fn taken_back(&self) -> Option<Error> {
        self.plugin.taken_back()
    }

    fn is_tried_out(&self) -> bool {
        self.plugin.is_tried_out()
    }

    fn place(&self, timers: Range<usize>) -> String {
        match timers.len() {
            1 => "a timer".to_owned(),
            many => format!("{many} timers"),
        }
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(format!("node `{}`: {message}", self.node))
    }

    fn cost_alike(&self) -> bool {
        false
    }
}

/// Another version makes the call that was made, if that can be said once more.
fn offer(
    beside: Beside<Keyed>,
    keyed: &Keyed,
    answer: &Result<KeyedAnswer, GuestError>,
    (store, keys, work): (&Store, &[u64], Result<KeyedWork>),
) {
    let states = store.plan.states.clone();
    if let (Ok(work), Ok(keys)) = (work, store.key_rows(keys)) {
        let call = KeyedCall { work, keys, states };
        beside.offer(keyed, answer, call);
    }
}

/// The output of a call, on its way.
fn emit(answer: KeyedAnswer, out: &mut dyn Collector) -> Result<()> {
    let batch = Batch::without_origin(answer.output);
    let mut first = 0;
    while first < batch.rows() {
        out.emit(0, batch.slice(first, azud_operators::MAX_ROWS))?;
        first += azud_operators::MAX_ROWS;
    }
    Ok(())
}

/// What cannot be given is no mistake of the plugin.
pub(super) fn input(error: Error) -> GuestError {
    GuestError::Input {
        what: error.to_string(),
    }
}
