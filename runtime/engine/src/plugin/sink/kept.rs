//! What a sink plugin has accepted and not made durable: a fresh instance is offered it again.

use std::collections::VecDeque;

use azud_model::{Batch, Result};

/// Rows and bytes that are kept: beyond these the plugin is asked to flush before the
/// epoch ends or, where only the epoch's end makes anything durable, nothing is kept.
pub(super) const KEPT_ROWS: usize = 1 << 16;
pub(super) const KEPT_BYTES: usize = 16 << 20;

/// Bytes of a call.
pub(super) const OFFERED_BYTES: usize = 4 << 20;

/// Batches in the order in which they were accepted.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) batches: VecDeque<Batch>,
    rows: usize,
    bytes: usize,
}

// === impl Kept ===

impl Kept {
    pub(super) fn push(&mut self, batch: Batch) {
        self.rows += batch.rows();
        self.bytes += batch.bytes();
        self.batches.push_back(batch);
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= KEPT_ROWS || self.bytes >= KEPT_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Puts them together to as few batches as calls need.
    pub(super) fn merge(&mut self, max_rows: usize) -> Result<()> {
        self.batches = merged(&self.batches, max_rows)?;
        Ok(())
    }
}

/// The same rows in the same order, in as few batches as calls need: a plugin that
/// is given a row a call would else be asked to flush for each of them.
fn merged(kept: &VecDeque<Batch>, max_rows: usize) -> Result<VecDeque<Batch>> {
    let mut merged: VecDeque<Batch> = VecDeque::new();
    let mut run: Vec<Batch> = Vec::new();
    let (mut rows, mut size) = (0, 0);
    for batch in kept.iter().map(Some).chain([None]) {
        let fits = batch.is_some_and(|batch| {
            rows + batch.rows() <= max_rows && size + batch.bytes() <= OFFERED_BYTES
        });
        if !fits {
            let pieces = std::mem::take(&mut run);
            match Batch::concat(&pieces)? {
                Some(whole) => merged.push_back(whole),
                // Of several partitions.
                None => merged.extend(pieces),
            }
            (rows, size) = (0, 0);
        }
        if let Some(batch) = batch {
            rows += batch.rows();
            size += batch.bytes();
            run.push(batch.clone());
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray as _, Int64Array, RecordBatch};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    fn batch(values: &[i64]) -> Batch {
        let values = Arc::new(Int64Array::from(values.to_vec())) as _;
        Batch::without_origin(RecordBatch::try_from_iter([("n", values)]).unwrap())
    }

    #[test]
    fn kept_rows_are_merged_up_to_a_call_and_stay_in_order() {
        let kept = [&[1][..], &[2], &[3, 4], &[5], &[6, 7, 8], &[9]];
        let kept = kept.into_iter().map(batch).collect();
        let values = |batch: &Batch| {
            let column = batch.columns().column(0).as_primitive::<Int64Type>();
            column.values().to_vec()
        };
        let merged = merged(&kept, 3).unwrap();
        let merged: Vec<_> = merged.iter().map(values).collect();
        assert_eq!(merged, [vec![1, 2], vec![3, 4, 5], vec![6, 7, 8], vec![9]]);
        assert!(super::merged(&VecDeque::new(), 3).unwrap().is_empty());
    }
}
