//! A join of a stream with a table: no state, no bounds.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::Schema;
use azud_model::{Batch, Epoch, Error, Result};

use super::matching::{Came, Candidates, Matches};
use super::plan::{JoinKind, JoinPlan, LEFT};
use super::static_side::{Index, StaticSide};
use crate::project::record_batch;
use crate::reason::internal;
use crate::{Collector, Operator};

/// So many candidates are held at once, or those of one row.
const CANDIDATES: usize = 1 << 16;

/// Matches each row of a stream with the rows that the table has in that epoch: pairs at once,
/// and what nothing matches behind those of its batch.
///
/// As in Spark the stream is the side whose rows an outer, semi or anti join keeps.
pub struct StaticJoin {
    plan: Arc<JoinPlan>,
    /// The number of the stream's side.
    side: usize,
    table: Arc<StaticSide>,
    /// Counted from where the attempt began.
    epoch: u64,
    /// The table's rows in this epoch, once a row has asked for them.
    index: Option<Arc<Index>>,
}

/// What is known of the rows of a batch.
struct Seen {
    is_matched: Vec<bool>,
    is_rejected: Vec<bool>,
}

// === impl StaticJoin ===

impl StaticJoin {
    /// `side` is the number of the stream's side; the table is the other.
    pub fn new(plan: Arc<JoinPlan>, side: usize, table: Arc<StaticSide>) -> Self {
        Self {
            plan,
            side,
            table,
            epoch: 0,
            index: None,
        }
    }

    /// Emits the pairs of some candidates that match.
    fn piece(
        &self,
        batch: &Batch,
        index: &Index,
        piece: Candidates,
        seen: &mut Seen,
        out: &mut dyn Collector,
    ) -> Result<()> {
        let mut found = Matches::default();
        let mut failing = Vec::new();
        let came = Came {
            plan: &self.plan,
            side: self.side,
            rows: batch.columns(),
            other: &index.rows,
        };
        came.search(piece, &mut found, &mut failing)?;
        for (row, why) in failing {
            let flag = seen.is_rejected.get_mut(row as usize);
            if flag.is_some_and(|flag| !std::mem::replace(flag, true)) {
                out.reject(&self.shown(batch)?, row as usize, why)?;
            }
        }
        found.without(&seen.is_rejected)?;
        for piece in found.pieces {
            for row in &piece.pairs.rows {
                if let Some(flag) = seen.is_matched.get_mut(*row as usize) {
                    *flag = true;
                }
            }
            if !self.plan.kind.gives_left_only() && piece.columns.num_rows() > 0 {
                let origin = batch.take_origin(&UInt32Array::from(piece.pairs.rows))?;
                out.emit(0, Batch::new(piece.columns, origin)?)?;
            }
        }
        Ok(())
    }

    /// Rows as the query knows them.
    fn shown(&self, batch: &Batch) -> Result<Batch> {
        let plan = self.plan.side(self.side);
        let own = plan.own(self.plan.keys, batch.columns()).to_vec();
        let schema = Arc::new(Schema::new(plan.fields(self.plan.keys).to_vec()));
        let rows = record_batch(&schema, own, batch.rows());
        batch.with_columns(rows.map_err(|error| internal("a join", error))?)
    }

    /// The rows that the join gives of the stream alone.
    fn alone(&self, batch: &Batch, seen: &Seen, out: &mut dyn Collector) -> Result<()> {
        let is_given = |row: usize| {
            let at = |flags: &[bool]| flags.get(row).copied().unwrap_or(false);
            let is_matched = at(&seen.is_matched);
            !at(&seen.is_rejected)
                && match self.plan.kind {
                    JoinKind::LeftSemi => is_matched,
                    JoinKind::LeftAnti => !is_matched,
                    kind => kind.keeps(self.side) && !is_matched,
                }
        };
        let rows = (0_u32..).take(batch.rows());
        let rows: UInt32Array = rows
            .filter(|row| is_given(*row as usize))
            .map(Some)
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let keys = self.plan.keys;
        let own = self.plan.side(self.side).own(keys, batch.columns()).iter();
        let own = own.map(|column| Ok(take(column, &rows, None)?));
        let own = own.collect::<Result<Vec<ArrayRef>>>()?;
        let nulls = self.plan.side(1 - self.side).fields(keys).iter();
        let nulls = nulls.map(|field| new_null_array(field.data_type(), rows.len()));
        let columns = match (self.plan.kind.gives_left_only(), self.side) {
            (true, _) => own,
            (false, LEFT) => own.into_iter().chain(nulls).collect(),
            (false, _) => nulls.chain(own).collect(),
        };
        let columns: RecordBatch = record_batch(&self.plan.output, columns, rows.len())
            .map_err(|error| internal("a join", error))?;
        out.emit(0, Batch::new(columns, batch.take_origin(&rows)?)?)
    }
}

impl Operator for StaticJoin {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        let index = match &self.index {
            Some(index) => index.clone(),
            None => {
                let index = self.table.of_epoch(self.epoch, out)?;
                self.index = Some(index.clone());
                index
            }
        };
        let keys = index.find(batch.columns().columns())?;
        if keys.len() != batch.rows() {
            return Err(Error::internal("a join does not know the keys of its rows"));
        }
        let mut seen = Seen {
            is_matched: vec![false; batch.rows()],
            is_rejected: vec![false; batch.rows()],
        };
        let mut piece = Candidates::default();
        for (row, key) in (0_u32..).zip(&keys) {
            if let Some(key) = key {
                let before = piece.others.len();
                piece.others.extend(index.rows.of_key(*key));
                let found = piece.others.len() - before;
                piece.rows.extend(std::iter::repeat_n(row, found));
            }
            if piece.len() >= CANDIDATES || row as usize + 1 == keys.len() {
                let piece = std::mem::take(&mut piece);
                self.piece(&batch, &index, piece, &mut seen, out)?;
            }
        }
        self.alone(&batch, &seen, out)
    }

    fn end_epoch(&mut self, _epoch: &Epoch, _out: &mut dyn Collector) -> Result<()> {
        self.epoch += 1;
        self.index = None;
        Ok(())
    }
}
