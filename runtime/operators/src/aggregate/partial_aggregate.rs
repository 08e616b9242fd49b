//! The first step of an aggregate: an epoch's rows of one lane, one a group.

use std::sync::Arc;

use azud_model::{Batch, Epoch, Result};
use datafusion_common::DataFusionError;

use super::Aggregate;
use super::accumulators::Accumulators;
use super::group_keys::GroupKeys;
use crate::project::record_batch;
use crate::reason::internal;
use crate::{Collector, MAX_ROWS, Operator};

/// Groups and bytes at which a lane hands on what it has before the epoch ends.
const MAX_GROUPS: usize = 1 << 18;
const MAX_BYTES: usize = 32 << 20;

/// Shrinks the rows of an epoch to one row of states for each group, emitted
/// at the end of the epoch, or sooner when they grow too many.
pub struct PartialAggregate {
    aggregate: Arc<Aggregate>,
    keys: GroupKeys,
    accumulators: Accumulators,
    /// The group of each row of the batch at hand; kept for its memory.
    numbers: Vec<usize>,
    empty: bool,
}

// === impl PartialAggregate ===

impl PartialAggregate {
    /// The first step of `aggregate`.
    ///
    /// # Errors
    /// When the aggregate cannot be computed: its own constructor found that out.
    pub fn new(aggregate: Arc<Aggregate>) -> Result<Self> {
        Ok(Self {
            keys: aggregate.group_keys().map_err(failed)?,
            accumulators: aggregate.accumulators().map_err(failed)?,
            aggregate,
            numbers: Vec::new(),
            empty: true,
        })
    }

    fn update(&mut self, batch: &Batch) -> Result<(), DataFusionError> {
        let columns = batch.columns().columns();
        let keys = columns.get(..self.aggregate.keys()).unwrap_or(columns);
        self.keys.number(keys, batch.rows(), &mut self.numbers)?;
        self.accumulators
            .update(columns, &self.numbers, self.keys.len())
    }

    fn flush(&mut self, out: &mut dyn Collector) -> Result<()> {
        if self.empty {
            return Ok(());
        }
        self.empty = true;
        let groups = self.keys.len();
        let mut columns = self.keys.take().map_err(failed)?;
        columns.extend(self.accumulators.take_states().map_err(failed)?);
        let rows = record_batch(self.aggregate.state(), columns, groups).map_err(failed)?;
        let rows = Batch::without_origin(rows);
        for from in (0..groups).step_by(MAX_ROWS) {
            out.emit(0, rows.slice(from, MAX_ROWS))?;
        }
        Ok(())
    }
}

impl Operator for PartialAggregate {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        self.update(&batch).map_err(failed)?;
        self.empty = false;
        let bytes = self.keys.bytes() + self.accumulators.bytes();
        if self.keys.len() >= MAX_GROUPS || bytes >= MAX_BYTES {
            self.flush(out)?;
        }
        Ok(())
    }

    fn end_epoch(&mut self, _epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.flush(out)
    }
}

fn failed(error: DataFusionError) -> azud_model::Error {
    internal("a partial aggregate", error)
}
