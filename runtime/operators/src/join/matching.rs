//! Which rows of the other side some rows match.

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{filter, filter_record_batch, prep_null_mask_filter, take};
use datafusion_common::Result;
use datafusion_common::cast::as_boolean_array;

use super::plan::{JoinPlan, LEFT};
use super::side::Side;
use crate::guard::guarded;

/// Pairs that are put together at once.
const PAIRS: usize = 8192;

/// Rows that came, and the rows of the other side that have their key.
#[derive(Default)]
pub(super) struct Candidates {
    /// Numbers of rows that came.
    pub(super) rows: Vec<u32>,
    /// For each of them a row of the other side.
    pub(super) others: Vec<u32>,
}

/// Pairs that match.
#[derive(Default)]
pub(super) struct Matches {
    pub(super) pairs: Candidates,
    /// Their columns, left and right, in pieces.
    pub(super) columns: Vec<RecordBatch>,
}

// === impl Candidates ===

impl Candidates {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The pairs of which the filter is true.
    ///
    /// # Errors
    /// If the filter fails for one of them.
    pub(super) fn matching(
        &self,
        plan: &JoinPlan,
        came_from: usize,
        came: &RecordBatch,
        other: &Side,
    ) -> Result<Matches> {
        let mut matches = Matches::default();
        for (rows, others) in self.rows.chunks(PAIRS).zip(self.others.chunks(PAIRS)) {
            let own = plan.side(came_from).own(plan.keys, came);
            let numbers = UInt32Array::from(rows.to_vec());
            let own = own.iter().map(|column| Ok(take(column, &numbers, None)?));
            let own = own.collect::<Result<Vec<ArrayRef>>>()?;
            let found = other.gather(others).map_err(external)?;
            let found = plan.side(1 - came_from).own(plan.keys, &found).to_vec();
            let pairs = match came_from {
                LEFT => plan.pairs(own, found),
                _ => plan.pairs(found, own),
            }?;
            matches.add(plan, pairs, numbers, UInt32Array::from(others.to_vec()))?;
        }
        Ok(matches)
    }
}

// === impl Matches ===

impl Matches {
    fn add(
        &mut self,
        plan: &JoinPlan,
        pairs: RecordBatch,
        rows: UInt32Array,
        others: UInt32Array,
    ) -> Result<()> {
        let Some(condition) = &plan.filter else {
            self.pairs.rows.extend(rows.values());
            self.pairs.others.extend(others.values());
            self.columns.push(pairs);
            return Ok(());
        };
        let count = pairs.num_rows();
        let keep = guarded(|| condition.evaluate(&pairs)?.into_array(count))?;
        let keep = as_boolean_array(&keep)?;
        let keep: BooleanArray = match keep.null_count() {
            0 => keep.clone(),
            _ => prep_null_mask_filter(keep),
        };
        if keep.true_count() == 0 {
            return Ok(());
        }
        self.pairs.rows.extend(numbers(&filter(&rows, &keep)?));
        self.pairs.others.extend(numbers(&filter(&others, &keep)?));
        self.columns.push(filter_record_batch(&pairs, &keep)?);
        Ok(())
    }
}

fn numbers(of: &ArrayRef) -> Vec<u32> {
    let numbers = of.as_any().downcast_ref::<UInt32Array>();
    numbers.map_or_else(Vec::new, |numbers| numbers.values().to_vec())
}

fn external(error: azud_model::Error) -> datafusion_common::DataFusionError {
    datafusion_common::DataFusionError::External(Box::new(error))
}
