//! The search for guilty rows: exactly those are rejected, the others go on in their order.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use azud_model::{Batch, Origin, Partition, Result};
use datafusion_common::exec_err;
use proptest::prelude::*;

use crate::{Chain, Collector, Operator, Rows, Stage, Unnest, UnnestColumn};

/// Fails if a value is negative; takes odd ones out.
struct Even;

impl Stage for Even {
    fn apply(&self, rows: Rows) -> datafusion_common::Result<Rows> {
        let values = rows.columns.column(0).as_primitive::<Int64Type>().clone();
        if let Some(bad) = values.iter().flatten().find(|value| *value < 0) {
            return exec_err!("{bad} is negative");
        }
        rows.filter(
            &values
                .iter()
                .map(|value| value.map(|value| value % 2 == 0))
                .collect(),
        )
    }
}

#[derive(Default)]
struct Out {
    values: Vec<i64>,
    positions: Vec<u64>,
    rejected: Vec<(u64, String)>,
}

impl Collector for Out {
    fn emit(&mut self, port: usize, batch: Batch) -> Result<()> {
        assert_eq!(port, 0);
        let values = batch.columns().column(0).as_primitive::<Int64Type>();
        self.values.extend(values.values());
        let positions = &batch.origin().unwrap().positions;
        self.positions.extend(positions.values());
        Ok(())
    }

    fn late(&mut self, _: Batch) -> Result<()> {
        Ok(())
    }

    fn reject(&mut self, batch: &Batch, row: usize, reason: String) -> Result<()> {
        let position = batch.origin().unwrap().positions.value(row);
        self.rejected.push((position, reason));
        Ok(())
    }
}

fn batch(columns: Vec<(&str, Arc<dyn Array>)>) -> Batch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let columns: Vec<_> = columns.into_iter().map(|(_, column)| column).collect();
    let rows = columns[0].len() as u64;
    let origin = Origin {
        partition: Arc::new(Partition {
            source: "s".to_owned(),
            name: "p".to_owned(),
        }),
        positions: UInt64Array::from_iter_values(100..100 + rows),
        attempt: 1,
    };
    let columns = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    Batch::new(columns, Some(origin)).unwrap()
}

proptest! {
    #[test]
    fn exactly_the_guilty_rows_are_rejected(values in prop::collection::vec(-5..50_i64, 0..300)) {
        let mut out = Out::default();
        let stages: Vec<Arc<dyn Stage>> = vec![Arc::new(Even), Arc::new(Even)];
        let input = batch(vec![("x", Arc::new(Int64Array::from(values.clone())))]);
        Chain::new(stages.into(), true).process(0, input, &mut out).unwrap();
        let with_position = || (100..).zip(values.iter().copied());
        let kept: Vec<(u64, i64)> = with_position().filter(|(_, x)| *x >= 0 && x % 2 == 0).collect();
        let bad: Vec<_> = with_position()
            .filter(|(_, x)| *x < 0)
            .map(|(at, x)| (at, format!("{x} is negative")))
            .collect();
        prop_assert_eq!(out.positions.into_iter().zip(out.values).collect::<Vec<_>>(), kept);
        prop_assert_eq!(out.rejected, bad);
    }

    /// A row whose elements fail is rejected whole.
    #[test]
    fn elements_stand_and_fall_with_their_row(
        lists in prop::collection::vec(prop::option::of(prop::collection::vec(-1..20_i64, 0..4)), 0..60)
    ) {
        let column = arrow::array::ListArray::from_iter_primitive::<Int64Type, _, _>(
            lists.iter().map(|list| list.clone().map(|list| list.into_iter().map(Some))),
        );
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true)]));
        let unnest = Unnest::new(vec![UnnestColumn::Elements(0)], false, schema);
        let stages: Vec<Arc<dyn Stage>> = vec![Arc::new(unnest), Arc::new(Even)];
        let mut out = Out::default();
        Chain::new(stages.into(), true)
            .process(0, batch(vec![("list", Arc::new(column))]), &mut out)
            .unwrap();
        let mut kept = Vec::new();
        let mut bad = Vec::new();
        for (at, list) in (100..).zip(&lists) {
            let list = list.clone().unwrap_or_default();
            if list.contains(&-1) {
                bad.push((at, "-1 is negative".to_owned()));
            } else {
                kept.extend(list.into_iter().filter(|x| x % 2 == 0).map(|x| (at, x)));
            }
        }
        prop_assert_eq!(out.positions.into_iter().zip(out.values).collect::<Vec<_>>(), kept);
        prop_assert_eq!(out.rejected, bad);
    }
}

#[test]
fn a_large_batch_is_handed_on_in_pieces() {
    struct Sizes(Vec<usize>);
    impl Collector for Sizes {
        fn emit(&mut self, _port: usize, batch: Batch) -> Result<()> {
            self.0.push(batch.rows());
            Ok(())
        }
        fn late(&mut self, _: Batch) -> Result<()> {
            Ok(())
        }

        fn reject(&mut self, _batch: &Batch, _row: usize, reason: String) -> Result<()> {
            panic!("{reason}");
        }
    }
    let mut sizes = Sizes(Vec::new());
    let values = Int64Array::from_iter_values(0..20_000);
    Chain::new(Vec::new().into(), true)
        .process(0, batch(vec![("x", Arc::new(values))]), &mut sizes)
        .unwrap();
    assert_eq!(sizes.0, [8192, 8192, 3616]);
}
