//! Keeps the rows for which a condition is true.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::record_batch::RecordBatch;
use datafusion_common::Result;
use datafusion_common::cast::as_boolean_array;
use datafusion_physical_expr::{PhysicalExpr, conjunction, split_conjunction};

use crate::{Rows, Stage};

/// Keeps the rows for which a condition is true; null counts as false.
pub struct Filter {
    condition: Arc<dyn PhysicalExpr>,
    /// The parts of `condition` between its ANDs, in the order as written.
    conjuncts: Vec<Arc<dyn PhysicalExpr>>,
}

// === impl Filter ===

impl Filter {
    /// A filter for a boolean expression over the columns that come in.
    pub fn new(condition: Arc<dyn PhysicalExpr>) -> Self {
        let conjuncts: Vec<_> = split_conjunction(&condition).into_iter().cloned().collect();
        Self {
            condition: conjunction(conjuncts.clone()),
            conjuncts,
        }
    }
}

impl Stage for Filter {
    fn apply(&self, rows: Rows) -> Result<Rows> {
        if rows.columns.num_rows() == 0 {
            return Ok(rows);
        }
        match mask(self.condition.as_ref(), &rows.columns) {
            Ok(keep) => rows.filter(&keep),
            // `x <> 0 AND 1 / x > 2` may fail on rows that its left side
            // takes out: ask part by part, each of the rows that are left.
            Err(_) if self.conjuncts.len() > 1 => {
                self.conjuncts.iter().try_fold(rows, |rows, conjunct| {
                    if rows.columns.num_rows() == 0 {
                        return Ok(rows);
                    }
                    let keep = mask(conjunct.as_ref(), &rows.columns)?;
                    rows.filter(&keep)
                })
            }
            Err(error) => Err(error),
        }
    }
}

fn mask(condition: &dyn PhysicalExpr, columns: &RecordBatch) -> Result<BooleanArray> {
    let values = condition
        .evaluate(columns)?
        .into_array(columns.num_rows())?;
    Ok(as_boolean_array(&values)?.clone())
}
