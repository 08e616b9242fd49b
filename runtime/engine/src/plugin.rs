//! A plugin as an operator: cuts batches to size, finds the rows that it fails on.

mod log;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use azud_model::{Batch, Clock, Epoch, Error, Result};
use azud_operators::{Collector, Operator};
use azud_sandbox::{GuestError, Processed, Rows, Transform};

pub(crate) use log::NodeLogger;
use waiting::Waiting;

/// Rows of a call, unless the manifest's `max_rows` says otherwise: enough to
/// make the call's fixed cost vanish, few enough for a call to be short.
pub(crate) const MAX_ROWS: usize = 4096;

/// While rows are halved to find a looping one, a call may take this many times
/// the node's measured time a row: a whole deadline each would take a minute.
const SEARCH_FACTOR: u32 = 50;

/// But never less than this: one tick of the sandbox.
const SEARCH_LEAST: Duration = Duration::from_millis(10);

/// Runs a plugin in a lane.
pub(crate) struct PluginOperator {
    transform: Transform,
    max_rows: usize,
    clock: Arc<dyn Clock>,
    /// Rows that wait for more, if the manifest says `max_wait`.
    waiting: Option<Waiting>,
    /// Rows that went well, and the time that they took: what a row usually costs.
    rows: u32,
    time: Duration,
}

// === impl PluginOperator ===

impl PluginOperator {
    pub(crate) fn new(
        transform: Transform,
        max_rows: usize,
        max_wait: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            transform,
            max_rows: max_rows.max(1),
            waiting: max_wait.map(|max_wait| Waiting::new(max_wait, clock.clone())),
            clock,
            rows: 0,
            time: Duration::ZERO,
        }
    }

    /// Calls the plugin with as many rows as it takes at once.
    fn cut(&mut self, batch: &Batch, out: &mut dyn Collector) -> Result<()> {
        let mut first = 0;
        while first < batch.rows() {
            self.call(&batch.slice(first, self.max_rows), out)?;
            first += self.max_rows;
        }
        Ok(())
    }

    fn call(&mut self, batch: &Batch, out: &mut dyn Collector) -> Result<()> {
        let started = self.clock.elapsed();
        match self.transform.process(batch.columns()) {
            Ok(processed) => {
                let took = self.clock.elapsed().saturating_sub(started);
                self.time = self.time.saturating_add(took);
                self.rows = self
                    .rows
                    .saturating_add(u32::try_from(batch.rows()).unwrap_or(u32::MAX));
                emit(batch, processed, out)
            }
            Err(error) => self.search(batch, error, out),
        }
    }

    /// The call failed as a whole: halves the rows until the guilty ones are alone.
    fn search(&mut self, batch: &Batch, error: GuestError, out: &mut dyn Collector) -> Result<()> {
        if matches!(error, GuestError::Input { .. } | GuestError::Refused(_)) {
            return Err(Error::plugin(error.to_string()));
        }
        if batch.rows() <= 1 {
            return match batch.rows() {
                1 => out.reject(batch, 0, error.to_string()),
                _ => Err(Error::plugin(error.to_string())),
            };
        }
        let half = batch.rows() / 2;
        for part in [batch.slice(0, half), batch.slice(half, batch.rows() - half)] {
            match self
                .transform
                .process_within(part.columns(), self.search_deadline(part.rows()))
            {
                Ok(processed) => emit(&part, processed, out)?,
                Err(error) => self.search(&part, error, out)?,
            }
        }
        Ok(())
    }

    fn search_deadline(&self, rows: usize) -> Duration {
        let a_row = self.time.checked_div(self.rows).unwrap_or_default();
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        a_row
            .saturating_mul(rows)
            .saturating_mul(SEARCH_FACTOR)
            .max(SEARCH_LEAST)
    }
}

impl Operator for PluginOperator {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        let Some(waiting) = &mut self.waiting else {
            return self.cut(&batch, out);
        };
        let ready = waiting.add(batch, self.max_rows)?;
        ready.iter().try_for_each(|batch| self.cut(batch, out))
    }

    fn wake_in(&self) -> Option<Duration> {
        self.waiting.as_ref().and_then(Waiting::wake_in)
    }

    fn wake(&mut self, out: &mut dyn Collector) -> Result<()> {
        match self
            .waiting
            .as_mut()
            .map(Waiting::take)
            .transpose()?
            .flatten()
        {
            Some(batch) => self.cut(&batch, out),
            None => Ok(()),
        }
    }

    fn end_epoch(&mut self, _epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.wake(out)
    }
}

fn emit(batch: &Batch, processed: Processed, out: &mut dyn Collector) -> Result<()> {
    for rejected in processed.rejected {
        out.reject(batch, rejected.row as usize, rejected.reason)?;
    }
    if processed.output.num_rows() == 0 {
        return Ok(());
    }
    let origin = match &processed.rows {
        Rows::Identity => batch.origin().cloned(),
        Rows::Indices(rows) => batch.take_origin(rows)?,
        Rows::Unrelated => None,
    };
    out.emit(0, Batch::new(processed.output, origin)?)
}
