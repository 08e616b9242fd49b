//! The join itself.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Schema, TimestampMicrosecondType};
use azud_model::{Batch, Epoch, Error, Result, Watermark};

use super::matching::{Came, Candidates, Matches};
use super::memory::{Memory, Seen};
use super::plan::{JoinKind, JoinPlan, LEFT};
use super::side::{NONE, Row};
use crate::reason::internal;
use crate::{Collector, Held, Operator, StateShape};

/// So many candidates are held at once, or those of one row.
const CANDIDATES: usize = 1 << 16;

/// Matches the rows of two inputs, 0 and 1, each with what has come of the other; emits pairs
/// as they are found, and, as [`JoinKind`] asks for, rows that nothing matched once the
/// watermark says that nothing will.
///
/// Late rows have been taken out before. As in Spark (`StreamingSymmetricHashJoinExec`), a row
/// that can match nothing any more is not kept.
pub struct Join {
    plan: Arc<JoinPlan>,
    memory: Memory,
    watermark: Watermark,
    /// Whether rows came back that the watermark has not looked at.
    is_restored: bool,
}

// === impl Join ===

impl Join {
    /// # Errors
    /// `Internal` if the keys have no equality.
    pub fn new(plan: Arc<JoinPlan>) -> Result<Self> {
        Ok(Self {
            memory: Memory::new(plan.clone())?,
            plan,
            watermark: Watermark::NONE,
            is_restored: false,
        })
    }

    /// Matches the rows of a batch in pieces that have not too many candidates, and stores
    /// those that may match later ones.
    fn join(&mut self, side: usize, batch: &Batch, out: &mut dyn Collector) -> Result<()> {
        let rows = batch.columns();
        let keys = self.memory.number(rows)?;
        let mut is_matched = vec![false; rows.num_rows()];
        let mut is_rejected = vec![false; rows.num_rows()];
        let mut piece = Candidates::default();
        for (row, key) in (0_u32..).zip(&keys) {
            if let Some(key) = key {
                let before = piece.len();
                piece.others.extend(self.memory.other(side).of_key(*key));
                let found = piece.others.len() - before;
                piece.rows.extend(std::iter::repeat_n(row, found));
            }
            if piece.len() >= CANDIDATES || row as usize + 1 == rows.num_rows() {
                let piece = std::mem::take(&mut piece);
                self.piece(side, batch, piece, &mut is_matched, &mut is_rejected, out)?;
            }
        }
        let seen = Seen {
            keys,
            expires: self.expiries(side, rows)?,
            is_matched,
            is_rejected,
        };
        self.store(side, rows, seen, out)
    }

    /// Emits the pairs of some candidates that match.
    fn piece(
        &mut self,
        side: usize,
        batch: &Batch,
        piece: Candidates,
        is_matched: &mut [bool],
        is_rejected: &mut [bool],
        out: &mut dyn Collector,
    ) -> Result<()> {
        let mut found = Matches::default();
        let mut failing = Vec::new();
        let came = Came {
            plan: &self.plan,
            side,
            rows: batch.columns(),
            other: self.memory.other(side),
        };
        came.search(piece, &mut found, &mut failing)?;
        for (row, why) in failing {
            let flag = is_rejected.get_mut(row as usize);
            if flag.is_some_and(|flag| !std::mem::replace(flag, true)) {
                out.reject(&self.shown(side, batch)?, row as usize, why)?;
            }
        }
        found.without(is_rejected)?;
        self.emit(side, batch.columns(), found, is_matched, out)
    }

    /// Rows as the query knows them.
    fn shown(&self, side: usize, batch: &Batch) -> Result<Batch> {
        let plan = self.plan.side(side);
        let own = plan.own(self.plan.keys, batch.columns()).to_vec();
        let schema = Arc::new(Schema::new(plan.fields(self.plan.keys).to_vec()));
        batch.with_columns(RecordBatch::try_new(schema, own)?)
    }

    fn emit(
        &mut self,
        side: usize,
        rows: &RecordBatch,
        found: Matches,
        is_matched: &mut [bool],
        out: &mut dyn Collector,
    ) -> Result<()> {
        let mut fresh = Vec::new();
        let pairs = found.pieces.iter();
        let pairs = pairs.flat_map(|piece| piece.pairs.rows.iter().zip(&piece.pairs.others));
        for (row, other) in pairs {
            if let Some(flag) = is_matched.get_mut(*row as usize)
                && !std::mem::replace(flag, true)
                && side == LEFT
            {
                fresh.push(*row);
            }
            if self.memory.mark(1 - side, *other) && side != LEFT {
                fresh.push(*other);
            }
        }
        if self.plan.kind != JoinKind::LeftSemi {
            let mut pieces = found.pieces.into_iter();
            return pieces.try_for_each(|piece| out.emit(0, Batch::without_origin(piece.columns)));
        }
        if fresh.is_empty() {
            return Ok(());
        }
        for fresh in fresh.chunks(crate::MAX_ROWS) {
            let once = match side {
                LEFT => take_record_batch(rows, &UInt32Array::from(fresh.to_vec()))?,
                _ => self.memory.side(LEFT).gather(fresh)?,
            };
            let own = self.plan.side(LEFT).own(self.plan.keys, &once).to_vec();
            out.emit(0, Batch::without_origin(self.output(own)?))?;
        }
        Ok(())
    }

    /// Stores rows that rows of the other side may match; emits those that none will.
    fn store(
        &mut self,
        side: usize,
        rows: &RecordBatch,
        seen: Seen,
        out: &mut dyn Collector,
    ) -> Result<()> {
        let mut stored = Vec::new();
        let mut alone = Vec::new();
        for row in 0..rows.num_rows() {
            let at = |flags: &[bool]| flags.get(row).copied().unwrap_or(false);
            let expires = seen.expires.get(row).copied().flatten();
            let key = seen.keys.get(row).copied().flatten();
            if at(&seen.is_rejected) {
                continue;
            }
            let is_matched = at(&seen.is_matched);
            let is_done = self.plan.kind == JoinKind::LeftSemi && side == LEFT && is_matched;
            // A row that can match nothing still waits for its time, as in Spark.
            let waits = key.is_some() || self.plan.kind.keeps(side);
            match expires {
                _ if is_done || !waits => {}
                Some(expires) if !self.is_over(side, expires) => {
                    let order = self.memory.next_order();
                    let key = key.unwrap_or(NONE);
                    stored.push((row as u32, Row::new(key, expires, order, is_matched)));
                }
                _ if !is_matched => alone.push(row as u32),
                _ => {}
            }
        }
        if self.plan.kind.keeps(side) && !alone.is_empty() {
            let alone = take_record_batch(rows, &UInt32Array::from(alone))?;
            self.emit_alone(side, &alone, out)?;
        }
        let (numbers, stored): (Vec<u32>, Vec<Row>) = stored.into_iter().unzip();
        let rows = take_record_batch(rows, &UInt32Array::from(numbers))?;
        self.memory.add(side, rows, &stored)
    }

    /// Whether rows of any side expire.
    fn forgets(&self) -> bool {
        self.plan.sides.iter().any(|side| side.reach.is_some())
    }

    /// Whether a row that expires then has.
    fn is_over(&self, side: usize, expires: i64) -> bool {
        self.plan.side(side).reach.is_some()
            && self.watermark != Watermark::NONE
            && expires <= self.watermark.time
    }

    /// When each row expires; `None` for one that can match nothing.
    fn expiries(&self, side: usize, rows: &RecordBatch) -> Result<Vec<Option<i64>>> {
        let Some(reach) = self.plan.side(side).reach else {
            return Ok(vec![Some(i64::MAX); rows.num_rows()]);
        };
        let times: Option<&ArrayRef> = rows.columns().get(self.plan.keys);
        let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.ok_or_else(|| Error::internal("a join's rows have no time"))?;
        let expires = times.iter();
        Ok(expires
            .map(|time| time.map(|time| time.saturating_add(reach)))
            .collect())
    }

    /// Rows of one side, with nulls for the other.
    fn emit_alone(&self, side: usize, rows: &RecordBatch, out: &mut dyn Collector) -> Result<()> {
        let keys = self.plan.keys;
        let own = self.plan.side(side).own(keys, rows).to_vec();
        let other = self.plan.side(1 - side).fields(keys).iter();
        let nulls: Vec<ArrayRef> = other
            .map(|field| new_null_array(field.data_type(), rows.num_rows()))
            .collect();
        let columns = match side {
            LEFT => [own, nulls].concat(),
            _ => [nulls, own].concat(),
        };
        out.emit(0, Batch::without_origin(self.output(columns)?))
    }

    fn output(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        let rows = columns.first().map_or(0, |column| column.len());
        crate::project::record_batch(&self.plan.output, columns, rows)
            .map_err(|error| internal("a join", error))
    }
}

impl Operator for Join {
    fn process(&mut self, input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        self.memory.begin()?;
        self.join(input, &batch, out)
    }

    fn watermark(&mut self, watermark: Watermark, out: &mut dyn Collector) -> Result<()> {
        let now = self.watermark.join(watermark);
        if now == self.watermark && !std::mem::take(&mut self.is_restored) {
            return Ok(());
        }
        self.watermark = now;
        for side in [LEFT, 1] {
            if self.plan.side(side).reach.is_none() {
                continue;
            }
            let alone = self.memory.expire(side, now.time);
            if self.plan.kind.keeps(side) {
                for piece in alone.chunks(crate::MAX_ROWS) {
                    let rows = self.memory.side(side).gather(piece)?;
                    self.emit_alone(side, &rows, out)?;
                }
            }
        }
        if now == Watermark::END && self.forgets() {
            self.memory.put_again();
        }
        Ok(())
    }

    fn end_epoch(&mut self, _epoch: &Epoch, _out: &mut dyn Collector) -> Result<()> {
        self.memory.end_epoch();
        Ok(())
    }

    fn state(&self) -> Option<StateShape> {
        Some(self.plan.shape())
    }

    fn held(&self) -> Vec<Held> {
        let sides = [
            (LEFT, "rows of the left side"),
            (1, "rows of the right side"),
        ];
        let held = sides.map(|(side, what)| {
            let rows = self.memory.side(side).living();
            match self.plan.side(side).reach {
                Some(reach) => Held::until(what, rows.map(|(_, row)| row.expires), reach),
                None => Held::for_ever(what, rows.count()),
            }
        });
        held.into()
    }

    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        self.memory.take_changes()
    }

    fn forgotten_below(&self) -> Option<i64> {
        let forgets = self.watermark != Watermark::NONE && self.forgets();
        forgets.then(|| self.watermark.time.saturating_add(1))
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        self.memory.restore(rows)?;
        // The watermark may have passed some meanwhile: its sources may be others now.
        self.is_restored = true;
        Ok(())
    }
}
