//! Which rows of the other side some rows match.

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{filter_record_batch, prep_null_mask_filter, take};
use azud_model::Error;
use datafusion_common::Result;
use datafusion_common::cast::as_boolean_array;

use super::plan::{JoinPlan, LEFT, PairFilter};
use super::side::Side;
use crate::guard::guarded;
use crate::project::record_batch;
use crate::reason::reason;

/// Pairs that are put together at once.
const PAIRS: usize = 8192;

/// Rows that came, and for each a row of the other side that has its key.
#[derive(Clone, Default)]
pub(super) struct Candidates {
    /// Numbers of rows that came.
    pub(super) rows: Vec<u32>,
    /// Numbers of rows of the other side.
    pub(super) others: Vec<u32>,
}

/// Pairs that match, in pieces.
#[derive(Default)]
pub(super) struct Matches {
    pub(super) pieces: Vec<Piece>,
}

/// Pairs, and their columns, left and right.
pub(super) struct Piece {
    pub(super) pairs: Candidates,
    pub(super) columns: RecordBatch,
}

/// Rows that came, and what they are held against.
pub(super) struct Came<'a> {
    pub(super) plan: &'a JoinPlan,
    pub(super) side: usize,
    pub(super) rows: &'a RecordBatch,
    pub(super) other: &'a Side,
}

// === impl Candidates ===

impl Candidates {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn slice(&self, from: usize, to: usize) -> Self {
        let part = |all: &[u32]| all.get(from..to).unwrap_or_default().to_vec();
        Self {
            rows: part(&self.rows),
            others: part(&self.others),
        }
    }

    fn filter(&self, keep: &BooleanArray) -> Self {
        let kept = |all: &[u32]| {
            let all = all.iter().zip(keep.values());
            all.filter_map(|(one, keep)| keep.then_some(*one)).collect()
        };
        Self {
            rows: kept(&self.rows),
            others: kept(&self.others),
        }
    }
}

// === impl Came ===

impl Came<'_> {
    /// The pairs of which the filter is true. Where it fails the pairs are halved until the
    /// guilty ones are alone: rows that came, and why.
    ///
    /// # Errors
    /// `Internal` if pairs cannot be put together.
    pub(super) fn search(
        &self,
        candidates: Candidates,
        matches: &mut Matches,
        failing: &mut Vec<(u32, String)>,
    ) -> azud_model::Result<()> {
        let mut left = vec![candidates];
        while let Some(piece) = left.pop() {
            let count = piece.len();
            if count > PAIRS {
                // The last is taken first.
                left.push(piece.slice(PAIRS, count));
                left.push(piece.slice(0, PAIRS));
                continue;
            }
            if count == 0 {
                continue;
            }
            let kept = match &self.plan.filter {
                None => Ok(Some(piece.clone())),
                Some(filter) => matching(&piece, filter, self.filtered(&piece, filter)?),
            };
            match (kept, piece.rows.first()) {
                (Ok(None), _) => {}
                (Ok(Some(pairs)), _) => {
                    let columns = self.columns(&pairs)?;
                    matches.pieces.push(Piece { pairs, columns });
                }
                (Err(error), Some(row)) if count == 1 => failing.push((*row, reason(&error))),
                (Err(_), _) => {
                    left.push(piece.slice(count / 2, count));
                    left.push(piece.slice(0, count / 2));
                }
            }
        }
        Ok(())
    }

    fn columns(&self, pairs: &Candidates) -> azud_model::Result<RecordBatch> {
        let keys = self.plan.keys;
        let own = self.plan.side(self.side).own(keys, self.rows);
        let numbers = UInt32Array::from(pairs.rows.clone());
        let own = own.iter().map(|column| Ok(take(column, &numbers, None)?));
        let own = own.collect::<azud_model::Result<Vec<ArrayRef>>>()?;
        let found = self.other.gather(&pairs.others)?;
        let found = self.plan.side(1 - self.side).own(keys, &found).to_vec();
        let columns = match self.side {
            LEFT => self.plan.pairs(own, found, pairs.len()),
            _ => self.plan.pairs(found, own, pairs.len()),
        };
        columns.map_err(|error| Error::internal("pairs of a join").because(error))
    }

    /// The columns that the filter reads.
    fn filtered(&self, pairs: &Candidates, filter: &PairFilter) -> azud_model::Result<RecordBatch> {
        let keys = self.plan.keys;
        let left = self.plan.side(LEFT).fields(keys).len();
        let numbers = UInt32Array::from(pairs.rows.clone());
        let places = self.other.places(&pairs.others)?;
        let column = |index: &usize| {
            let (side, index) = match index.checked_sub(left) {
                None => (LEFT, *index),
                Some(index) => (1, index),
            };
            if side != self.side {
                let hidden = self.plan.side(side).hidden(keys);
                return self.other.column(&places, hidden + index);
            }
            let own = self.plan.side(side).own(keys, self.rows).get(index);
            let own = own.ok_or_else(|| Error::internal("a row of a join lacks a column"))?;
            Ok(take(own, &numbers, None)?)
        };
        let columns = filter.columns.iter().map(column);
        let columns = columns.collect::<azud_model::Result<Vec<ArrayRef>>>()?;
        record_batch(&filter.schema, columns, pairs.len())
            .map_err(|error| Error::internal("pairs of a join").because(error))
    }
}

/// The pairs of which the filter is true.
fn matching(
    pairs: &Candidates,
    filter: &PairFilter,
    columns: RecordBatch,
) -> Result<Option<Candidates>> {
    let keep = guarded(|| filter.condition.evaluate(&columns)?.into_array(pairs.len()))?;
    let keep = as_boolean_array(&keep)?;
    let keep: BooleanArray = match keep.null_count() {
        0 => keep.clone(),
        _ => prep_null_mask_filter(keep),
    };
    Ok(match keep.true_count() {
        0 => None,
        _ => Some(pairs.filter(&keep)),
    })
}

// === impl Matches ===

impl Matches {
    /// Takes out the pairs of rows that were rejected for another.
    pub(super) fn without(&mut self, is_rejected: &[bool]) -> azud_model::Result<()> {
        if !is_rejected.contains(&true) {
            return Ok(());
        }
        for piece in &mut self.pieces {
            let is_good = |row: &u32| !is_rejected.get(*row as usize).copied().unwrap_or(false);
            let keep = piece.pairs.rows.iter().map(|row| Some(is_good(row)));
            let keep: BooleanArray = keep.collect();
            piece.columns = filter_record_batch(&piece.columns, &keep)?;
            piece.pairs = piece.pairs.filter(&keep);
        }
        Ok(())
    }
}
