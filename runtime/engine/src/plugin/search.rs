//! The search for the rows that a plugin fails on: halves until they are alone.
//!
//! A bad row among n costs at most `2 log2 n` calls more: of two halves the left
//! is called, and where it goes well the right one is known to hold the bad row
//! and is halved itself, uncalled. Only rows that failed alone are rejected, so
//! a limit that many rows hit together costs calls, not rows.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use azud_model::{Clock, Error, Result};
use azud_sandbox::GuestError;

use super::breaker::{Breaker, of_first, patience};
use super::cost::Cost;

/// Rows whose call tells what a row costs: one alone costs mostly the call.
const SAMPLE: usize = 32;

/// Rows that are tried before a plugin is given up.
const PROBES: usize = 8;

/// Of fewer rows all may be bad: somebody tries what the plugin does with them.
const MANY: usize = 64;

/// How often the rows of a batch that went well excuse a run of those that do not.
const EXCUSES: u32 = 3;

/// Calls of a plugin with rows of one batch, and what becomes of these.
pub(super) trait Calls {
    /// What a call that went well answers with.
    type Answer;

    /// Calls the plugin; without a deadline, the limit holds.
    fn call(
        &mut self,
        rows: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<Self::Answer, GuestError>;
    /// Hands on what the plugin made of these rows. Comes in the rows' order.
    fn emit(&mut self, rows: Range<usize>, answer: Self::Answer) -> Result<()>;
    /// Rejects a row.
    fn reject(&mut self, row: usize, reason: String) -> Result<()>;
    /// The plugin's name.
    fn plugin(&self) -> &str;
    /// Where these rows come from, for a person.
    fn place(&self, rows: Range<usize>) -> String;
    /// An error that stops the pipeline.
    fn stop(&self, message: String) -> Error;
    /// The error to return at once: the version that failed is on probation no more, and the one
    /// before computes the epoch again. Of states that are converted it is not: that fails the
    /// whole change, and has to name the key.
    fn taken_back(&self) -> Option<Error> {
        None
    }
    /// Whether the version is on probation, or another one runs beside it: then even its first call
    /// has all the time that there is, since a failure takes it back, or says nothing of the other.
    fn is_tried_out(&self) -> bool {
        false
    }
    /// Whether what a row costs says what another one does: else one alone has all the time that
    /// there is.
    fn cost_alike(&self) -> bool {
        true
    }
}

/// What a lane knows of its plugin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Experience {
    cost: Cost,
    breaker: Breaker,
}

/// A batch on its way through a plugin.
pub(super) struct Search<'a, C> {
    calls: C,
    clock: &'a dyn Clock,
    known: &'a mut Experience,
    /// How long a call may take.
    limit: Duration,
    /// Rows of the batch.
    rows: usize,
    /// Whether any of them went well.
    good: bool,
    /// The last row on which it failed alone.
    lone: Option<usize>,
    /// Rows on which it looped alone.
    looped: u32,
    excuses: u32,
}

// === impl Search ===

impl<'a, C: Calls> Search<'a, C> {
    /// A batch of so many rows, of which a call may take `limit`.
    pub(super) fn new(
        calls: C,
        rows: usize,
        limit: Duration,
        known: &'a mut Experience,
        clock: &'a dyn Clock,
    ) -> Self {
        Self {
            calls,
            clock,
            known,
            limit,
            rows,
            good: false,
            lone: None,
            looped: 0,
            excuses: 0,
        }
    }

    /// Every row is handed on or rejected, once and in order.
    ///
    /// # Errors
    /// [`azud_model::ErrorKind::Plugin`] if the plugin fails whatever it is called
    /// with; what handing on and rejecting fail with.
    pub(super) fn run(mut self) -> Result<()> {
        let known = &self.known;
        let limit = self.limit;
        let deadline = match (known.cost.is_known(), known.breaker.loops()) {
            (true, true) => Some(known.cost.of_suspect(self.rows, limit)),
            // It rejects no row: those that it stops are cut further.
            (false, _) if self.rows > 1 && !self.calls.is_tried_out() => Some(of_first(limit)),
            _ => None,
        };
        self.part(0..self.rows, deadline).map(drop)
    }

    /// Calls the plugin with some rows, and halves them if that fails: `true`.
    fn part(&mut self, rows: Range<usize>, deadline: Option<Duration>) -> Result<bool> {
        match self.call(rows.clone(), deadline) {
            Ok(answer) => self.calls.emit(rows, answer).map(|()| false),
            Err(error) => self.failed(rows, &error).map(|()| true),
        }
    }

    fn failed(&mut self, rows: Range<usize>, error: &GuestError) -> Result<()> {
        if let Some(error) = self.calls.taken_back() {
            return Err(error);
        }
        if let GuestError::Input { .. } | GuestError::Refused(_) | GuestError::Start { .. } = error
        {
            // Not a matter of rows.
            return Err(self.calls.stop(error.to_string()));
        }
        let loops = matches!(error, GuestError::Deadline { .. });
        if loops && rows.len() > 1 && !self.known.cost.is_known() {
            self.learn(&rows);
        }
        self.check(&rows, error)?;
        if rows.len() <= 1 {
            let reason = reason(error, self.limit);
            return self.calls.reject(rows.start, reason);
        }
        match loops && !self.known.cost.is_known() {
            true => self.first_alone(rows),
            false => self.halve(rows, loops),
        }
    }

    /// Where nothing is known, halving would only put off what one row tells.
    fn first_alone(&mut self, rows: Range<usize>) -> Result<()> {
        let second = rows.start + 1;
        self.half(rows.start..second, true)?;
        self.half(second..rows.end, true).map(drop)
    }

    /// Finds the bad rows among some that have one.
    fn halve(&mut self, rows: Range<usize>, loops: bool) -> Result<()> {
        let middle = rows.start + rows.len() / 2;
        let left_failed = self.half(rows.start..middle, loops)?;
        if !left_failed && rows.end - middle > 1 {
            return self.halve(middle..rows.end, loops);
        }
        self.half(middle..rows.end, loops).map(drop)
    }

    fn half(&mut self, rows: Range<usize>, loops: bool) -> Result<bool> {
        let cost = &self.known.cost;
        let deadline = loops.then(|| match rows.len() {
            0 | 1 if !self.calls.cost_alike() => self.limit,
            0 | 1 => cost.of_lone(self.limit),
            many => cost.of_part(many, self.limit),
        });
        self.part(rows, deadline)
    }

    /// Calls the plugin, and learns of it.
    fn call(
        &mut self,
        rows: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<C::Answer, GuestError> {
        let (first, count) = (rows.start, rows.len());
        let started = self.clock.elapsed();
        let answer = self.calls.call(rows, deadline);
        let took = self.clock.elapsed().saturating_sub(started);
        match &answer {
            Ok(_) => {
                self.known.cost.note(count, took);
                self.known.breaker.worked();
                self.good = true;
            }
            Err(error) => {
                self.known.breaker.failed(error, took);
                if count == 1 {
                    self.lone = Some(first);
                }
            }
        }
        answer
    }

    /// The first call of all looped: learns what a row costs, from rows among which
    /// the one that loops hardly is. Else every half would take a deadline.
    fn learn(&mut self, rows: &Range<usize>) {
        let (middle, last) = (rows.start + rows.len() / 2, rows.end - 1);
        for (row, sample) in [
            (
                last,
                rows.end.saturating_sub(SAMPLE).max(rows.start)..rows.end,
            ),
            (middle, middle..rows.end.min(middle + SAMPLE)),
        ] {
            let deadline = Some(self.known.cost.of_probe(self.limit));
            if self.call(row..row + 1, deadline).is_err() {
                continue;
            }
            // That was mostly an instance that was opened: it counts only where
            // nothing else is known.
            let alone = std::mem::take(&mut self.known.cost);
            if self.call(sample, deadline).is_ok() {
                return;
            }
            self.known.cost = alone;
        }
        if !self.known.cost.is_known() {
            self.known.breaker.asked();
        }
    }

    /// Stops the pipeline if the plugin fails whatever it is called with.
    fn check(&mut self, rows: &Range<usize>, error: &GuestError) -> Result<()> {
        let loops = matches!(error, GuestError::Deadline { .. });
        let patience = patience(self.known.cost.is_known(), loops, self.limit);
        if self.known.breaker.suspects(patience) {
            self.probe(rows.end);
        }
        let alone = loops && rows.len() == 1;
        self.looped += u32::from(alone);
        let everywhere = alone && self.looped == 2 && self.loops_everywhere(rows.end);
        let breaker = &self.known.breaker;
        if !everywhere && !breaker.is_open(patience) {
            return Ok(());
        }
        let rows = self.lone.map_or(rows.clone(), |row| row..row + 1);
        let place = self.calls.place(rows);
        let message = breaker.message(self.calls.plugin(), &place, error);
        Err(self.calls.stop(message))
    }

    /// Whether a plugin that has worked loops on this batch wherever it is tried: then its breaker
    /// needs no patience. Asked of the second row that loops alone, where no row went well.
    fn loops_everywhere(&mut self, first: usize) -> bool {
        if self.good || !self.known.cost.is_known() || self.rows - first < MANY {
            return false;
        }
        let last = self.rows - 1..self.rows;
        !self.any_works(first)
            && (self.calls.cost_alike() || self.call(last, Some(self.limit)).is_err())
    }

    /// Tries rows here and there among those that are left. What they give is
    /// dropped: their turn comes, and a call has no effect but its answer.
    fn any_works(&mut self, first: usize) -> bool {
        let left = self.rows - first;
        let count = left.min(PROBES);
        let deadline = self.known.cost.of_probe(self.limit);
        (1..=count).any(|number| {
            let row = first + number * left / count - 1;
            self.call(row..row + 1, Some(deadline)).is_ok()
        })
    }

    /// Looks whether the plugin works at all.
    fn probe(&mut self, first: usize) {
        if self.any_works(first) {
            return;
        }
        if self.good && self.excuses < EXCUSES {
            // The bad rows are the last of their batch.
            self.excuses += 1;
            self.known.breaker.forgive();
        } else {
            self.known.breaker.asked();
        }
    }
}

/// Why a row is rejected. One that was looked for had less time than the limit
/// that the manifest knows.
fn reason(error: &GuestError, limit: Duration) -> String {
    match error {
        GuestError::Deadline { limit: given } if *given < limit => format!(
            "the plugin took longer than {given:?} for this row alone, far more than for others \
             (limits: deadline)"
        ),
        error => error.to_string(),
    }
}
