//! One pure function from rows to rows: what chains are made of.

use arrow::array::{Array, BooleanArray, UInt32Array};
use arrow::compute::{filter, filter_record_batch, take};
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use datafusion_common::Result;
use datafusion_common::cast::as_uint32_array;

/// A pure function from rows to rows. It fails as a whole when one row fails:
/// the chain finds out which one.
pub trait Stage: Send + Sync {
    /// Computes the rows that `rows` become.
    ///
    /// # Errors
    /// When a row cannot be computed.
    fn apply(&self, rows: Rows) -> Result<Rows>;

    /// So many rows a row becomes at most, where that is known and many: the chain gives it as
    /// many fewer at once.
    fn fan_out(&self) -> usize {
        1
    }
}

/// Rows inside a chain.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The columns that the next stage sees.
    pub columns: RecordBatch,
    /// Which of the chain's input rows each row was made of.
    pub sources: Sources,
}

/// Which input rows of a chain its rows were made of.
#[derive(Clone, Debug)]
pub enum Sources {
    /// Nobody asks: an aggregate follows.
    Untracked,
    /// Row `i` is still input row `i`.
    Same,
    /// One input row number a row.
    Rows(UInt32Array),
}

// === impl Sources ===

impl Sources {
    /// The sources of the rows where `keep` is true; `keep` has no nulls.
    pub(crate) fn filter(&self, keep: &BooleanArray) -> Result<Self> {
        Ok(match self {
            Self::Untracked => Self::Untracked,
            Self::Same => Self::Rows(
                (0u32..)
                    .zip(keep.values())
                    .filter_map(|(row, keep)| keep.then_some(row))
                    .collect(),
            ),
            Self::Rows(rows) => Self::Rows(as_uint32_array(&filter(rows, keep)?)?.clone()),
        })
    }

    /// The sources of the rows that `rows` names.
    pub(crate) fn take(&self, rows: &UInt32Array) -> Result<Self> {
        Ok(match self {
            Self::Untracked => Self::Untracked,
            Self::Same => Self::Rows(rows.clone()),
            Self::Rows(sources) => {
                Self::Rows(as_uint32_array(&take(sources, rows, None)?)?.clone())
            }
        })
    }

    /// The same sources, counted from `offset` rows further on.
    pub(crate) fn shift(self, offset: u32, rows: usize) -> Self {
        match self {
            Self::Untracked => Self::Untracked,
            Self::Same => Self::Rows((offset..).take(rows).collect()),
            Self::Rows(sources) => {
                Self::Rows(sources.unary::<_, UInt32Type>(|row| row.wrapping_add(offset)))
            }
        }
    }
}

// === impl Rows ===

impl Rows {
    /// The rows where `keep` is true; null counts as false.
    pub(crate) fn filter(self, keep: &BooleanArray) -> Result<Self> {
        let cleaned;
        let keep = if keep.null_count() > 0 {
            cleaned = arrow::compute::prep_null_mask_filter(keep);
            &cleaned
        } else {
            keep
        };
        if keep.true_count() == keep.len() {
            return Ok(self);
        }
        Ok(Self {
            sources: self.sources.filter(keep)?,
            columns: filter_record_batch(&self.columns, keep)?,
        })
    }
}
