//! States that earlier versions of users' aggregates have kept, converted: the groups are those of
//! a plain map, and all of them are of the first epoch's changes.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use azud_model::{Batch, Epoch, Error, Mode, Result};
use azud_operators::{
    Aggregate, AggregateCall, Collector, FinalAggregate, Function, Operator, PartialAggregate,
    Reducer, Update, UserAggregate,
};
use proptest::prelude::*;

/// Sums whose state is `scale` times the sum, in a column of that name: another version has
/// another scale. It converts those of the scales below it, and fails on one state.
#[derive(Clone, Debug)]
struct Sums {
    scale: i64,
    state: SchemaRef,
    formers: Vec<SchemaRef>,
    fails_on: Option<i64>,
}

/// The state of a version.
fn state(scale: i64) -> SchemaRef {
    let column = Field::new(format!("times_{scale}"), DataType::Int64, false);
    Arc::new(Schema::new(vec![column]))
}

impl Sums {
    fn of(scale: i64, fails_on: Option<i64>) -> Arc<dyn UserAggregate> {
        Arc::new(Self {
            scale,
            state: state(scale),
            formers: (1..scale).map(state).collect(),
            fails_on,
        })
    }

    fn rows(&self, states: Vec<i64>) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(states));
        RecordBatch::try_new(self.state.clone(), vec![column]).unwrap()
    }
}

fn numbers(rows: &RecordBatch) -> Vec<i64> {
    let column = rows.column(0).as_primitive::<Int64Type>();
    column.values().to_vec()
}

impl UserAggregate for Sums {
    fn state(&self) -> &SchemaRef {
        &self.state
    }

    fn formers(&self) -> &[SchemaRef] {
        &self.formers
    }

    fn output(&self) -> &DataType {
        &DataType::Int64
    }

    fn open(&self, _: Option<u64>) -> Result<Box<dyn Reducer>> {
        Ok(Box::new(self.clone()))
    }
}

impl Reducer for Sums {
    fn update(&mut self, update: &mut Update) -> Result<Vec<(usize, String)>> {
        let part = update.part(0..update.rows())?;
        let mut states = numbers(&part.states);
        states.resize(part.total, 0);
        for (group, value) in part.groups.iter().zip(numbers(&part.rows)) {
            *states.get_mut(*group as usize).unwrap() += value * self.scale;
        }
        update.put(&part, self.rows(states))?;
        Ok(Vec::new())
    }

    fn empty(&mut self, groups: usize) -> Result<RecordBatch> {
        Ok(self.rows(vec![0; groups]))
    }

    fn merge(&mut self, states: &RecordBatch, groups: &[u32], total: usize) -> Result<RecordBatch> {
        let mut sums = vec![0; total];
        for (group, state) in groups.iter().zip(numbers(states)) {
            *sums.get_mut(*group as usize).unwrap() += state;
        }
        Ok(self.rows(sums))
    }

    fn finish(&mut self, states: &RecordBatch) -> Result<ArrayRef> {
        let sums = numbers(states).into_iter().map(|state| {
            assert_eq!(state % self.scale, 0);
            state / self.scale
        });
        Ok(Arc::new(sums.collect::<Int64Array>()))
    }

    fn migrate(
        &mut self,
        former: usize,
        states: &RecordBatch,
        group: &dyn Fn(usize) -> String,
    ) -> Result<RecordBatch> {
        assert_eq!(states.schema_ref(), self.formers.get(former).unwrap());
        let scale = i64::try_from(former).unwrap() + 1;
        let mut converted = Vec::new();
        for (row, state) in numbers(states).into_iter().enumerate() {
            if self.fails_on == Some(state / scale) {
                return Err(Error::plugin(format!("of {}: no", group(row))));
            }
            converted.push(state / scale * self.scale);
        }
        Ok(self.rows(converted))
    }
}

/// What a query of two functions computes, of which each has the versions of its number.
fn aggregate(keys: usize, functions: [Arc<dyn UserAggregate>; 2]) -> Arc<Aggregate> {
    let field = |name: &str, of: DataType| Field::new(name, of, true);
    let mut fields = vec![field("k", DataType::Utf8), field("n", DataType::Int64)];
    let mut names = vec!["k".to_owned(), "a(n)".to_owned(), "b(n)".to_owned()];
    if keys == 0 {
        fields.remove(0);
        names.remove(0);
    }
    let calls = functions.map(|function| AggregateCall {
        function: Function::User(function),
        arguments: vec![keys],
        filter: None,
    });
    let aggregate = Aggregate::new(&Schema::new(fields), keys, calls.into()).unwrap();
    Arc::new(aggregate.named(names))
}

fn versions(a: i64, b: i64) -> [Arc<dyn UserAggregate>; 2] {
    [Sums::of(a, None), Sums::of(b, None)]
}

fn last(aggregate: &Arc<Aggregate>) -> FinalAggregate {
    FinalAggregate::new(aggregate.clone(), vec![Mode::Complete], false).unwrap()
}

#[derive(Default)]
struct Collected(Vec<Batch>);

impl Collector for Collected {
    fn emit(&mut self, _: usize, batch: Batch) -> Result<()> {
        self.0.push(batch);
        Ok(())
    }

    fn late(&mut self, _: Batch) -> Result<()> {
        Err(Error::internal("nothing is late"))
    }

    fn reject(&mut self, _: &Batch, _: usize, reason: String) -> Result<()> {
        Err(Error::internal(reason))
    }
}

type Rows = Vec<(u8, i64)>;

fn batch(keys: usize, rows: &Rows) -> Batch {
    let names: StringArray = rows.iter().map(|(k, _)| Some(k.to_string())).collect();
    let values: Int64Array = rows.iter().map(|(_, n)| Some(*n)).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![("n", Arc::new(values))];
    if keys > 0 {
        columns.insert(0, ("k", Arc::new(names)));
    }
    Batch::without_origin(RecordBatch::try_from_iter(columns).unwrap())
}

/// Runs an epoch; answers with all groups.
fn run(
    aggregate: &Arc<Aggregate>,
    operator: &mut FinalAggregate,
    number: u64,
    rows: &Rows,
) -> BTreeMap<String, (i64, i64)> {
    let epoch = Epoch {
        number,
        time_ms: 0,
        input_rows: 0,
        last: false,
    };
    let (mut partial, mut out) = (Collected::default(), Collected::default());
    let mut lane = PartialAggregate::new(aggregate.clone()).unwrap();
    if !rows.is_empty() {
        let rows = batch(aggregate.keys(), rows);
        lane.process(0, rows, &mut partial).unwrap();
    }
    lane.end_epoch(&epoch, &mut partial).unwrap();
    for rows in partial.0 {
        operator.process(0, rows, &mut out).unwrap();
    }
    operator.end_epoch(&epoch, &mut out).unwrap();
    let mut found = BTreeMap::new();
    for rows in &out.0 {
        let columns = rows.columns();
        for row in 0..rows.rows() {
            let key = match aggregate.keys() {
                0 => String::new(),
                _ => columns.column(0).as_string::<i32>().value(row).to_owned(),
            };
            let sum = |at: usize| {
                let column = columns.column(aggregate.keys() + at);
                column.as_primitive::<Int64Type>().value(row)
            };
            found.insert(key, (sum(0), sum(1)));
        }
    }
    found
}

/// Which of the earlier versions has kept these rows of state.
fn former(operator: &FinalAggregate, before: &FinalAggregate) -> Option<usize> {
    let shape = before.state().unwrap();
    let formers = operator.formers();
    let found = formers.iter().position(|former| *former == shape);
    assert!(
        formers
            .iter()
            .all(|former| Some(former) != operator.state().as_ref())
    );
    found
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_are_those_of_a_map(
        epochs in prop::collection::vec(
            prop::collection::vec((0..12_u8, -50..50_i64), 0..30), 3..6),
        keys in 0..2_usize, then in (1..4_i64, 1..4_i64),
    ) {
        // Without keys there is a group before there are rows.
        let only = (keys == 0).then(|| (String::new(), 0));
        let mut known: BTreeMap<String, i64> = only.into_iter().collect();
        let mut add = |rows: &Rows| {
            for (k, n) in rows {
                let key = if keys == 0 { String::new() } else { k.to_string() };
                *known.entry(key).or_default() += n;
            }
            let known = known.iter();
            known.map(|(key, sum)| (key.clone(), (*sum, *sum))).collect::<BTreeMap<_, _>>()
        };
        let (earlier, now) = epochs.split_at(epochs.len() - 2);
        let aggregate_then = aggregate(keys, versions(then.0, then.1));
        let mut before = last(&aggregate_then);
        let mut files = Vec::new();
        for (number, rows) in (0..).zip(earlier) {
            let found = run(&aggregate_then, &mut before, number, rows);
            prop_assert_eq!(found, add(rows));
            files.extend(before.take_changes().unwrap());
        }
        // The scales are 4 and 5 now, whatever they were.
        let aggregate_now = aggregate(keys, versions(4, 5));
        let mut after = last(&aggregate_now);
        let former = former(&after, &before).unwrap();
        after.convert(former, &files).unwrap();
        let (number, first) = (earlier.len() as u64, now.first().unwrap());
        let found = run(&aggregate_now, &mut after, number, first);
        prop_assert_eq!(found, add(first));
        // All of it is in the first epoch's changes.
        let changes: Vec<RecordBatch> = after.take_changes().unwrap().into_iter().collect();
        prop_assert!(after.take_changes().unwrap().is_none());
        let mut again = last(&aggregate_now);
        again.restore(&changes).unwrap();
        let second = now.last().unwrap();
        let found = run(&aggregate_now, &mut again, number + 1, second);
        prop_assert_eq!(found, add(second));
    }
}

#[test]
fn every_combination_of_versions_is_known_once() {
    let of = |functions| last(&aggregate(1, functions)).formers();
    assert!(of(versions(1, 1)).is_empty());
    assert_eq!(of(versions(3, 1)).len(), 2);
    assert_eq!(of(versions(3, 4)).len(), 3 * 4 - 1);
    // Two calls of one function are of one version.
    let one = Sums::of(3, None);
    let formers = of([one.clone(), one]);
    let computes: Vec<&str> = formers.iter().map(|former| &*former.computes).collect();
    let expected = [1, 2].map(|scale| {
        let keeping = format!("keeping times_{scale} bigint not null");
        format!("a(n) {keeping}, b(n) {keeping} by k")
    });
    assert_eq!(computes, expected);
    // However many they are, the combinations are bounded.
    assert_eq!(of(versions(60, 60)).len(), 999);
    let once = FinalAggregate::new(aggregate(1, versions(3, 1)), vec![Mode::Append], true);
    assert!(once.unwrap().formers().is_empty());
}

#[test]
fn a_group_that_cannot_be_converted_is_named_and_nothing_is_kept() {
    for (keys, named) in [(1, "of the group k `7`: no"), (0, "of the only group: no")] {
        let then = aggregate(keys, versions(1, 2));
        let mut before = last(&then);
        run(&then, &mut before, 0, &vec![(3, 1), (7, 41), (7, 1)]);
        let rows: Vec<RecordBatch> = before.take_changes().unwrap().into_iter().collect();
        let fails_on = if keys == 0 { 43 } else { 42 };
        let now = aggregate(keys, [Sums::of(1, None), Sums::of(3, Some(fails_on))]);
        let mut after = last(&now);
        let former = former(&after, &before).unwrap();
        let error = after.convert(former, &rows).unwrap_err();
        assert_eq!(error.to_string(), named);
        assert!(after.take_changes().unwrap().is_none());
    }
    let mut none = last(&aggregate(1, versions(2, 1)));
    let error = none.convert(1, &[]).unwrap_err().to_string();
    assert!(error.contains("no such earlier version"), "{error}");
}
