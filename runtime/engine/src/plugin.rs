//! A plugin as an operator: cuts batches to size, finds the rows that it fails on.

mod cost;
mod log;
mod sink;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use azud_model::{Batch, Clock, Epoch, Error, Result};
use azud_operators::{Collector, Operator};
use azud_sandbox::{GuestError, Processed, Rows, Transform};

use cost::Cost;
pub(crate) use log::NodeLogger;
pub(crate) use sink::{PluginSink, SINK_WAIT, SinkOperator};
use waiting::Waiting;

/// Rows of a call, unless the manifest's `max_rows` says otherwise: enough to
/// make the call's fixed cost vanish, few enough for a call to be short.
pub(crate) const MAX_ROWS: usize = 4096;

/// Runs a plugin in a lane.
pub(crate) struct PluginOperator {
    node: Arc<str>,
    transform: Transform,
    max_rows: usize,
    clock: Arc<dyn Clock>,
    /// Rows that wait for more, if the manifest says `max_wait`.
    waiting: Option<Waiting>,
    cost: Cost,
}

// === impl PluginOperator ===

impl PluginOperator {
    pub(crate) fn new(
        node: Arc<str>,
        transform: Transform,
        max_rows: usize,
        max_wait: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            node,
            transform,
            max_rows: max_rows.max(1),
            waiting: max_wait.map(|max_wait| Waiting::new(max_wait, clock.clone())),
            clock,
            cost: Cost::default(),
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
        match self.try_call(batch, None) {
            Ok(processed) => emit(batch, processed, out),
            Err(error) => self.search(batch, error, out),
        }
    }

    /// Calls the plugin, and learns what a row costs.
    fn try_call(
        &mut self,
        batch: &Batch,
        deadline: Option<Duration>,
    ) -> Result<Processed, GuestError> {
        let started = self.clock.elapsed();
        let processed = match deadline {
            None => self.transform.process(batch.columns()),
            Some(deadline) => self.transform.process_within(batch.columns(), deadline),
        }?;
        let took = self.clock.elapsed().saturating_sub(started);
        self.cost.note(batch.rows(), took);
        Ok(processed)
    }

    /// The call failed as a whole: halves the rows until the guilty ones are alone.
    fn search(&mut self, batch: &Batch, error: GuestError, out: &mut dyn Collector) -> Result<()> {
        match error {
            // Not a matter of rows.
            GuestError::Input { .. } | GuestError::Refused(_) | GuestError::Start { .. } => {
                let node = &self.node;
                return Err(Error::plugin(format!("node `{node}`: {error}")));
            }
            _ if batch.rows() <= 1 => return out.reject(batch, 0, error.to_string()),
            _ => {}
        }
        let loops = matches!(error, GuestError::Deadline { .. });
        let half = batch.rows() / 2;
        for part in [batch.slice(0, half), batch.slice(half, batch.rows() - half)] {
            // A lone row is rejected only after all the time that a call may take.
            let deadline = (loops && part.rows() > 1)
                .then(|| self.cost.deadline(part.rows(), self.transform.deadline()));
            match self.try_call(&part, deadline) {
                Ok(processed) => emit(&part, processed, out)?,
                Err(error) => self.search(&part, error, out)?,
            }
        }
        Ok(())
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
    let batch = Batch::new(processed.output, origin)?;
    let mut first = 0;
    while first < batch.rows() {
        out.emit(0, batch.slice(first, azud_operators::MAX_ROWS))?;
        first += azud_operators::MAX_ROWS;
    }
    Ok(())
}
