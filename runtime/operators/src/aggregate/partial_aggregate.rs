//! The first step of an aggregate: an epoch's rows of one lane, one a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::BooleanArray;
use azud_model::{Batch, Epoch, Result, Watermark};
use datafusion_common::DataFusionError;

use super::Aggregate;
use super::accumulators::{Accumulators, Rejection};
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
    /// How far event time has come; `None` where groups are of no window.
    watermark: Option<Watermark>,
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
            accumulators: aggregate.accumulators(None).map_err(failed)?,
            aggregate,
            numbers: Vec::new(),
            empty: true,
            watermark: None,
        })
    }

    /// The same where groups are of windows: what it has is handed on before the watermark that
    /// may close them.
    #[must_use]
    pub fn of_windows(self) -> Self {
        Self {
            watermark: Some(Watermark::NONE),
            ..self
        }
    }

    fn update(&mut self, mut batch: Batch, out: &mut dyn Collector) -> Result<()> {
        while batch.rows() > 0 {
            let rejected = self.try_update(&batch).map_err(failed)?;
            if rejected.is_empty() {
                self.empty = false;
                break;
            }
            let rest = |row| !rejected.contains_key(&row);
            let rest: BooleanArray = (0..batch.rows()).map(|row| Some(rest(row))).collect();
            let shown = batch.columns().project(self.aggregate.shown())?;
            let shown = batch.with_columns(shown)?;
            for (row, Rejection { reason, plugin }) in rejected {
                match plugin {
                    Some(plugin) => out.reject_by(&shown, row, reason, &plugin)?,
                    None => out.reject(&shown, row, reason)?,
                }
            }
            batch = batch.filter(&rest)?;
        }
        Ok(())
    }

    /// Takes all rows, or none if there are some that a user's aggregate cannot add: these. They count in no other aggregate, and make no group.
    fn try_update(&mut self, batch: &Batch) -> Result<BTreeMap<usize, Rejection>, DataFusionError> {
        let columns = batch.columns().columns();
        let keys = columns.get(..self.aggregate.keys()).unwrap_or(columns);
        let before = self.keys.len();
        self.keys.number(keys, batch.rows(), &mut self.numbers)?;
        let total = self.keys.len();
        let mut prepared = self.accumulators.prepare(columns, &self.numbers, total)?;
        let rejected = prepared.take_rejected();
        if !rejected.is_empty() {
            self.keys.shrink_to(before)?;
            return Ok(rejected);
        }
        self.accumulators
            .update(columns, &self.numbers, total, prepared)?;
        Ok(rejected)
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
        self.update(batch, out)?;
        let bytes = self.keys.bytes() + self.accumulators.bytes();
        if self.keys.len() >= MAX_GROUPS || bytes >= MAX_BYTES {
            self.flush(out)?;
        }
        Ok(())
    }

    fn watermark(&mut self, watermark: Watermark, out: &mut dyn Collector) -> Result<()> {
        let Some(before) = self.watermark else {
            return Ok(());
        };
        let now = before.join(watermark);
        self.watermark = Some(now);
        match now == before {
            true => Ok(()),
            false => self.flush(out),
        }
    }

    fn end_epoch(&mut self, epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.flush(out)?;
        self.accumulators.end_epoch(epoch.number).map_err(failed)
    }
}

fn failed(error: DataFusionError) -> azud_model::Error {
    internal("a partial aggregate", error)
}
