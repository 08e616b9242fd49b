//! The first rows of a whole stream: `LIMIT` in mode append.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt8Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use azud_model::{Batch, Error, KEY_GROUP, ORDER, Result, key_groups};

use crate::state_rows::{BEFORE_KEY, last_rows};
use crate::{Collector, Held, Operator, StateShape};

/// Hands rows on as they come until there were as many as the limit, in all epochs together:
/// Spark's `StreamingGlobalLimitExec`. It runs in one lane.
pub struct Limit {
    limit: u64,
    given: u64,
    /// How many were given when the state was last handed over.
    saved: u64,
}

// === impl Limit ===

impl Limit {
    /// The first `limit` rows.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            given: 0,
            saved: 0,
        }
    }

    fn shape(&self) -> StateShape {
        StateShape {
            schema: Arc::new(Schema::new(vec![
                Field::new(KEY_GROUP, DataType::UInt8, false),
                Field::new(ORDER, DataType::UInt64, false),
                Field::new("given", DataType::UInt64, false),
            ])),
            keys: 0,
            computes: format!("limit {}", self.limit),
        }
    }
}

impl Operator for Limit {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        let left = self.limit.saturating_sub(self.given);
        let rows = batch
            .rows()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        if rows == 0 {
            return Ok(());
        }
        self.given += rows as u64;
        match rows == batch.rows() {
            true => out.emit(0, batch),
            false => out.emit(0, batch.slice(0, rows)),
        }
    }

    fn state(&self) -> Option<StateShape> {
        Some(self.shape())
    }

    fn held(&self) -> Vec<Held> {
        let given = usize::try_from(self.given).unwrap_or(usize::MAX);
        vec![Held::for_ever("rows that were counted", given)]
    }

    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        if std::mem::replace(&mut self.saved, self.given) == self.given {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from(key_groups(&[], 1)?)),
            Arc::new(UInt64Array::from(vec![0])),
            Arc::new(UInt64Array::from(vec![self.given])),
        ];
        Ok(Some(RecordBatch::try_new(self.shape().schema, columns)?))
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        for rows in last_rows(&self.shape(), rows)? {
            let given = rows.columns().get(BEFORE_KEY);
            let given = given.and_then(|given| given.as_primitive_opt::<UInt64Type>());
            let given = given.and_then(|given| given.values().last());
            let given = given.ok_or_else(|| Error::internal("a limit has no count"))?;
            self.given = *given;
        }
        self.saved = self.given;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Collected(Vec<i64>);

    impl Collector for Collected {
        fn emit(&mut self, port: usize, batch: Batch) -> Result<()> {
            assert_eq!(port, 0);
            assert!(batch.rows() > 0);
            let numbers = batch.columns().column(0).as_primitive::<Int64Type>();
            self.0.extend(numbers.values());
            Ok(())
        }

        fn late(&mut self, _rows: Batch) -> Result<()> {
            panic!("nothing is late")
        }

        fn reject(&mut self, _batch: &Batch, _row: usize, reason: String) -> Result<()> {
            panic!("{reason}")
        }
    }

    fn batch(numbers: Vec<i64>) -> Batch {
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
        Batch::without_origin(RecordBatch::try_from_iter([("n", numbers)]).unwrap())
    }

    proptest! {
        /// Whatever the batches and epochs are, and wherever a crash comes.
        #[test]
        fn the_first_rows_come_once(
            limit in 0..30_u64,
            epochs in prop::collection::vec(prop::collection::vec(0..9_i64, 0..4), 0..8),
            crashes in prop::collection::vec(any::<bool>(), 8),
        ) {
            let (mut out, mut next) = (Collected::default(), 0);
            let mut operator = Limit::new(limit);
            let mut state = Vec::new();
            for (epoch, crash) in epochs.iter().zip(crashes) {
                for rows in epoch {
                    let rows = next..next + rows;
                    next = rows.end;
                    operator.process(0, batch(rows.collect()), &mut out).unwrap();
                }
                let put = operator.take_changes().unwrap();
                prop_assert!(put.iter().all(|put| put.num_rows() == 1));
                state.extend(put);
                prop_assert!(operator.take_changes().unwrap().is_none());
                if crash {
                    operator = Limit::new(limit);
                    operator.restore(&state).unwrap();
                }
            }
            let expected = 0..next.min(i64::try_from(limit).unwrap());
            prop_assert_eq!(out.0, expected.collect::<Vec<_>>());
        }
    }
}
