//! A user's aggregate, whose code is Rust here: its rows in parts, its states in halves, and
//! what it rejects, against a plain map.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use azud_model::{Batch, Epoch, Error, Mode, Result};
use azud_operators::{
    Aggregate, AggregateCall, Collector, FinalAggregate, Function, Operator, PartialAggregate,
    Reducer, Update, UserAggregate,
};
use proptest::prelude::*;

/// Sums that reject negative numbers. States of no more than `most` rows are taken at once,
/// and rows in parts of `part`, in which a failure costs the whole part at first.
#[derive(Clone, Debug)]
struct Sums {
    state: SchemaRef,
    part: usize,
    most: usize,
}

impl UserAggregate for Sums {
    fn state(&self) -> &SchemaRef {
        &self.state
    }

    fn output(&self) -> &DataType {
        &DataType::Int64
    }

    fn open(&self, _: Option<u64>) -> Result<Box<dyn Reducer>> {
        Ok(Box::new(self.clone()))
    }
}

impl Sums {
    fn rows(&self, sums: Vec<i64>) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(sums));
        RecordBatch::try_new(self.state.clone(), vec![column]).unwrap()
    }

    fn check(&self, rows: usize) -> Result<()> {
        match rows <= self.most {
            true => Ok(()),
            false => Err(Error::plugin("too much at once")),
        }
    }
}

fn numbers(rows: &RecordBatch) -> Vec<i64> {
    let column = rows.column(0).as_primitive::<Int64Type>();
    assert_eq!(column.null_count(), 0);
    column.values().to_vec()
}

impl Reducer for Sums {
    fn update(&mut self, update: &mut Update) -> Result<Vec<(usize, String)>> {
        let mut rejected = Vec::new();
        for piece in update.pieces(self.part, usize::MAX) {
            for row in piece {
                let part = update.part(row..row + 1)?;
                let value = *numbers(&part.rows).first().unwrap();
                // A whole batch has groups beside that of its only row.
                let group = *part.groups.first().unwrap() as usize;
                assert_eq!(part.groups.len(), 1);
                assert!(group < part.total && (part.total == 1 || update.rows() == 1));
                match value < 0 {
                    true => rejected.push((row, format!("{value} is negative"))),
                    false => {
                        let mut states = numbers(&part.states);
                        states.resize(part.total, 0);
                        *states.get_mut(group).unwrap() += value;
                        update.put(&part, self.rows(states))?;
                    }
                }
            }
        }
        // What is left over may be asked for as a whole.
        let whole = update.part(0..update.rows())?;
        assert_eq!(whole.groups.len(), whole.rows.num_rows());
        assert!(whole.states.num_rows() <= whole.total);
        Ok(rejected)
    }

    fn empty(&mut self, groups: usize) -> Result<RecordBatch> {
        Ok(self.rows(vec![0; groups]))
    }

    fn merge(&mut self, states: &RecordBatch, groups: &[u32], total: usize) -> Result<RecordBatch> {
        self.check(states.num_rows())?;
        let mut sums = vec![None; total];
        for (group, state) in groups.iter().zip(numbers(states)) {
            let sum = sums.get_mut(*group as usize).unwrap();
            *sum = Some(sum.unwrap_or_default() + state);
        }
        let sums = sums.into_iter().map(|sum| sum.expect("every group occurs"));
        Ok(self.rows(sums.collect()))
    }

    fn finish(&mut self, states: &RecordBatch) -> Result<ArrayRef> {
        self.check(states.num_rows())?;
        Ok(states.column(0).clone())
    }
}

#[derive(Default)]
struct Collected {
    rows: Vec<Batch>,
    rejected: Vec<String>,
}

impl Collector for Collected {
    fn emit(&mut self, _: usize, batch: Batch) -> Result<()> {
        self.rows.push(batch);
        Ok(())
    }

    fn late(&mut self, _: Batch) -> Result<()> {
        Err(Error::internal("nothing is late"))
    }

    fn reject(&mut self, batch: &Batch, row: usize, reason: String) -> Result<()> {
        let keys = batch.columns().column(0).as_string::<i32>();
        self.rejected.push(format!("{}: {reason}", keys.value(row)));
        Ok(())
    }
}

fn aggregate(part: usize, most: usize) -> Arc<Aggregate> {
    let field = |name: &str, of: DataType| Field::new(name, of, true);
    let input = Schema::new(vec![
        field("k", DataType::Utf8),
        field("n", DataType::Int64),
    ]);
    let state = Arc::new(Schema::new(vec![field("sum", DataType::Int64)]));
    let call = AggregateCall {
        function: Function::User(Arc::new(Sums { state, part, most })),
        arguments: vec![1],
        filter: None,
    };
    Arc::new(Aggregate::new(&input, 1, vec![call.clone(), call]).unwrap())
}

fn batch(rows: &[(u8, i64)]) -> Batch {
    let keys: StringArray = rows.iter().map(|(k, _)| Some(k.to_string())).collect();
    let values: Int64Array = rows.iter().map(|(_, n)| Some(*n)).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![("k", Arc::new(keys)), ("n", Arc::new(values))];
    Batch::without_origin(RecordBatch::try_from_iter(columns).unwrap())
}

fn epoch(number: u64) -> Epoch {
    Epoch {
        number,
        time_ms: 0,
        input_rows: 0,
        last: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_are_those_of_a_map(
        epochs in prop::collection::vec(
            prop::collection::vec(
                prop::collection::vec((0..12_u8, -2..50_i64), 0..30), 0..4), 1..4),
        part in 1..9_usize, most in 2..12_usize,
    ) {
        let aggregate = aggregate(part, most);
        let mut lanes = [
            PartialAggregate::new(aggregate.clone()).unwrap(),
            PartialAggregate::new(aggregate.clone()).unwrap(),
        ];
        let mut last = FinalAggregate::new(aggregate, vec![Mode::Complete], false).unwrap();
        let mut known: BTreeMap<String, i64> = BTreeMap::new();
        for (number, batches) in epochs.iter().enumerate() {
            let epoch = epoch(number as u64);
            let (mut partial, mut expected) = (Collected::default(), Vec::new());
            for (at, rows) in batches.iter().enumerate() {
                lanes[at % 2].process(0, batch(rows), &mut partial).unwrap();
                for (k, n) in rows {
                    match n {
                        ..0 => expected.push(format!("{k}: {n} is negative")),
                        n => *known.entry(k.to_string()).or_default() += n,
                    }
                }
            }
            prop_assert_eq!(&partial.rejected, &expected);
            for lane in &mut lanes {
                lane.end_epoch(&epoch, &mut partial).unwrap();
            }
            let mut out = Collected::default();
            for rows in partial.rows {
                last.process(0, rows, &mut out).unwrap();
            }
            last.end_epoch(&epoch, &mut out).unwrap();
            let mut found = BTreeMap::new();
            for rows in &out.rows {
                let columns = rows.columns();
                let keys = columns.column(0).as_string::<i32>();
                let sums = [1, 2].map(|at| columns.column(at).as_primitive::<Int64Type>());
                for row in 0..rows.rows() {
                    prop_assert_eq!(sums[0].value(row), sums[1].value(row));
                    found.insert(keys.value(row).to_owned(), sums[0].value(row));
                }
            }
            prop_assert_eq!(&found, &known);
        }
    }
}

#[test]
fn two_states_that_cannot_be_merged_stop_the_run() {
    let aggregate = aggregate(4, 1);
    let mut last = FinalAggregate::new(aggregate.clone(), vec![Mode::Update], false).unwrap();
    let mut out = Collected::default();
    let mut error = None;
    for number in 0..2 {
        let mut lane = PartialAggregate::new(aggregate.clone()).unwrap();
        let mut partial = Collected::default();
        lane.process(0, batch(&[(1, 1), (2, 2)]), &mut partial)
            .unwrap();
        lane.end_epoch(&epoch(number), &mut partial).unwrap();
        for rows in partial.rows {
            last.process(0, rows, &mut out).unwrap();
        }
        error = last.end_epoch(&epoch(number), &mut out).err();
    }
    let error = error.unwrap();
    assert_eq!(error.to_string(), "too much at once");
}
