//! Calls of a keyed plugin, as the search makes them: with new rows, or with timers.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_model::{Batch, Error, Result};
use azud_operators::Collector;
use azud_sandbox::{GuestError, Keyed, KeyedAnswer, Timers};

use super::firing::{Due, Firing};
use super::store::{Now, Store};
use crate::plugin::rows;
use crate::plugin::search::Calls;

/// Rows of a batch whose keys have numbers.
pub(super) struct RowCalls<'a> {
    pub(super) node: &'a str,
    pub(super) keyed: &'a mut Keyed,
    pub(super) store: &'a mut Store,
    pub(super) batch: &'a Batch,
    pub(super) numbers: &'a [u64],
    pub(super) now: Now,
    pub(super) out: &'a mut dyn Collector,
}

/// Timers that are due.
pub(super) struct TimerCalls<'a> {
    pub(super) node: &'a str,
    pub(super) keyed: &'a mut Keyed,
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
        let work = self
            .store
            .work(&keys, (part, of_rows), Timers::default(), self.now);
        let work = work.map_err(input)?;
        let answer = self.keyed.process(&work, deadline)?;
        Ok((keys, answer))
    }

    fn emit(&mut self, rows: Range<usize>, (keys, answer): Self::Answer) -> Result<()> {
        for rejected in &answer.rejected {
            let row = rows.start + rejected.row as usize;
            self.out.reject(self.batch, row, rejected.reason.clone())?;
        }
        self.store.apply(&keys, &answer, self.now)?;
        emit(answer, self.out)
    }

    fn reject(&mut self, row: usize, reason: String) -> Result<()> {
        self.out.reject(self.batch, row, reason)
    }

    fn plugin(&self) -> &str {
        self.keyed.plugin().name()
    }

    fn place(&self, rows: Range<usize>) -> String {
        rows::place(self.batch, rows)
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(format!("node `{}`: {message}", self.node))
    }
}

// === impl TimerCalls ===

impl TimerCalls<'_> {
    /// The timers of some of the keys, whose numbers begin at 0 again.
    fn timers(&self, keys: &Range<usize>) -> Timers {
        let mut timers = Timers::default();
        for (group, time, kind) in self.due.timers.iter() {
            let own = (group as usize).checked_sub(keys.start);
            let own = own.filter(|own| *own < keys.len());
            if let Some(own) = own.and_then(|own| u32::try_from(own).ok()) {
                timers.push(own, time, kind);
            }
        }
        timers
    }
}

impl Calls for TimerCalls<'_> {
    type Answer = KeyedAnswer;

    fn call(
        &mut self,
        keys: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<KeyedAnswer, GuestError> {
        let timers = self.timers(&keys);
        let keys = self.due.keys.get(keys).unwrap_or_default();
        let nothing = RecordBatch::new_empty(self.store.plan.input.clone());
        let work = self
            .store
            .work(keys, (nothing, Vec::new()), timers, self.now);
        self.keyed.process(&work.map_err(input)?, deadline)
    }

    fn emit(&mut self, keys: Range<usize>, answer: KeyedAnswer) -> Result<()> {
        let part = Due {
            timers: self.timers(&keys),
            keys: self.due.keys.get(keys).unwrap_or_default().to_vec(),
        };
        self.store.apply(&part.keys, &answer, self.now)?;
        let followed = self.firing.follow(&part, &answer);
        followed.map_err(|error| self.stop(error.to_string()))?;
        emit(answer, self.out)
    }

    /// As a row that has the columns of the key.
    fn reject(&mut self, key: usize, reason: String) -> Result<()> {
        let number = self.due.keys.get(key..=key).unwrap_or_default();
        let keys = Batch::without_origin(self.store.key_rows(number)?);
        let timers = self.timers(&(key..key + 1));
        let times: Vec<String> = timers
            .times
            .iter()
            .map(|time| azud_model::iso_timestamp(time.div_euclid(1_000)).replace(".000Z", "Z"))
            .collect();
        let reason = format!("a timer at {}: {reason}", times.join(", "));
        self.out.reject(&keys, 0, reason)
    }

    fn plugin(&self) -> &str {
        self.keyed.plugin().name()
    }

    fn place(&self, keys: Range<usize>) -> String {
        match keys.len() {
            1 => "timers of a key".to_owned(),
            many => format!("timers of {many} keys"),
        }
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(format!("node `{}`: {message}", self.node))
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

fn input(error: Error) -> GuestError {
    GuestError::Input {
        what: error.to_string(),
    }
}
