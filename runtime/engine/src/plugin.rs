//! A plugin as an operator: cuts batches to size, finds the rows that it fails on.

mod aggregate;
mod breaker;
mod cancel;
mod cost;
mod differ;
mod keyed;
mod log;
mod rows;
mod search;
mod sink;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_model::{Batch, Clock, Epoch, Result, Watermark};
use azud_operators::{Collector, Operator};
use azud_sandbox::Transform;

use crate::swap::InLane;

pub(crate) use aggregate::{AggregateColumns, PluginAggregate};
pub(crate) use cancel::Cancel;
pub(crate) use keyed::{KeyedOperator, KeyedPlan, words};
pub use log::PLUGIN_LOG;
pub(crate) use log::{LeftOut, NodeLog};
use rows::PluginRows;
use search::{Experience, Search};
pub(crate) use sink::{Guest, Handle, Only, PluginSink, SINK_WAIT, SinkOperator};
use waiting::{ENOUGH, Waiting};

/// Rows of a call, unless the manifest's `max_rows` says otherwise: enough to
/// make the call's fixed cost vanish, few enough for a call to be short.
pub(crate) const MAX_ROWS: usize = 4096;

/// Rows that another version is tried on before it takes over.
const SAMPLE: usize = 256;

/// Runs a plugin in a lane.
pub(crate) struct PluginOperator {
    node: Arc<str>,
    plugin: InLane<Transform>,
    max_rows: usize,
    clock: Arc<dyn Clock>,
    /// Rows that wait for more, if the manifest says `max_wait`.
    waiting: Option<Waiting>,
    watermark: Watermark,
    known: Experience,
    /// Rows that went well last.
    last: Option<RecordBatch>,
}

// === impl PluginOperator ===

impl PluginOperator {
    pub(crate) fn new(
        node: Arc<str>,
        plugin: InLane<Transform>,
        max_rows: usize,
        max_wait: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            node,
            plugin,
            max_rows: max_rows.max(1),
            waiting: max_wait.map(|max_wait| Waiting::new(max_wait, ENOUGH, clock.clone())),
            clock,
            watermark: Watermark::NONE,
            known: Experience::default(),
            last: None,
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
        let limit = self.plugin.get().deadline();
        let calls = PluginRows {
            node: &self.node,
            plugin: &mut self.plugin,
            batch,
            out,
            last: &mut self.last,
        };
        Search::new(calls, batch.rows(), limit, &mut self.known, &*self.clock).run()
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

    fn watermark(&mut self, watermark: Watermark, out: &mut dyn Collector) -> Result<()> {
        let before = std::mem::replace(&mut self.watermark, watermark);
        match watermark == before {
            true => Ok(()),
            // Rows that have come are before it.
            false => self.wake(out),
        }
    }

    fn end_epoch(&mut self, epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.wake(out)?;
        if self.plugin.end_epoch(epoch.number, self.last.take())? {
            self.known = Experience::default();
        }
        Ok(())
    }
}
