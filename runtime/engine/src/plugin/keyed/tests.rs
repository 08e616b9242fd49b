//! The store against a model of maps, over epochs that are checkpointed and restored.

mod convert;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use azud_sandbox::{
    EVENT_TIME, KeyedAnswer, KeyedChange, KeyedState, OwnedRows, StateKind, Timers,
};
use proptest::prelude::*;

use super::KeyedPlan;
use super::firing::Firing;
use super::store::{Now, Store};

const KEYS: [&str; 3] = ["ann", "bob", "cid"];

/// What a call may do to a key.
#[derive(Clone, Debug)]
enum Act {
    Set(i64),
    Unset,
    Push(i64),
    /// The list anew: as it was, so many less in front, and these behind.
    Again(usize, Vec<i64>),
    Put(i64, i64),
    Drop(i64),
    /// The map anew: as it was, and this.
    Anew(i64, i64),
    Timer(i64),
    NoTimer(i64),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    value: Option<i64>,
    list: Vec<i64>,
    map: BTreeMap<i64, i64>,
    timers: BTreeSet<i64>,
}

type Model = BTreeMap<usize, Known>;

fn columns(names: &[&str]) -> SchemaRef {
    let fields = names.iter();
    let fields = fields.map(|name| Field::new(*name, DataType::Int64, false));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn plan(ttl: Option<u64>) -> KeyedPlan {
    let state = |name: &str, kind, names: &[&str]| KeyedState {
        name: name.to_owned(),
        kind,
        columns: columns(names),
        ttl,
    };
    KeyedPlan {
        key: vec![0],
        input: Arc::new(Schema::new(vec![Field::new("user", DataType::Utf8, true)])),
        states: vec![
            state("value", StateKind::Value, &["v"]),
            state("list", StateKind::List, &["l"]),
            state("map", StateKind::Map { keys: 1 }, &["k", "v"]),
        ],
        computes: "a test".to_owned(),
    }
}

fn keys(store: &mut Store) -> Vec<u64> {
    let names: ArrayRef = Arc::new(StringArray::from(KEYS.to_vec()));
    let rows = RecordBatch::try_new(store.plan.input.clone(), vec![names]).unwrap();
    store.number(&rows).unwrap()
}

fn owned(names: &[&str], rows: &[(u32, Vec<i64>)]) -> OwnedRows {
    let column = |place: usize| {
        let values = rows.iter().map(|(_, row)| row[place]);
        Arc::new(Int64Array::from_iter_values(values)) as ArrayRef
    };
    let arrays = (0..names.len()).map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    OwnedRows {
        rows: RecordBatch::try_new_with_options(columns(names), arrays, &options).unwrap(),
        groups: rows.iter().map(|(group, _)| *group).collect(),
    }
}

/// What a plugin would answer that does these acts, by what it was given; and does them to the model.
fn answer(model: &mut Model, acts: &[(usize, Act)]) -> KeyedAnswer {
    let mut cleared = [Vec::new(), Vec::new(), Vec::new()];
    let (mut values, mut lists, mut puts, mut drops) = Default::default();
    let (mut set, mut deleted) = (Timers::default(), Timers::default());
    // Each key acts once a call: an answer has one word on each state.
    let acts: BTreeMap<usize, &Act> = acts.iter().map(|(key, act)| (*key, act)).collect();
    for (key, act) in acts {
        let group = u32::try_from(key).unwrap();
        let known = model.entry(key).or_default();
        let add = |rows: &mut Vec<(u32, Vec<i64>)>, row: Vec<i64>| rows.push((group, row));
        match act {
            Act::Set(value) => {
                known.value = Some(*value);
                add(&mut values, vec![*value]);
            }
            Act::Unset => {
                known.value = None;
                cleared[0].push(group);
            }
            Act::Push(value) => {
                known.list.push(*value);
                add(&mut lists, vec![*value]);
            }
            Act::Again(less, more) => {
                known.list.drain(..(*less).min(known.list.len()));
                known.list.extend(more);
                cleared[1].push(group);
                known
                    .list
                    .iter()
                    .for_each(|value| add(&mut lists, vec![*value]));
            }
            Act::Put(entry, value) => {
                known.map.insert(*entry, *value);
                add(&mut puts, vec![*entry, *value]);
            }
            Act::Drop(entry) => {
                known.map.remove(entry);
                add(&mut drops, vec![*entry]);
            }
            Act::Anew(entry, value) => {
                known.map.insert(*entry, *value);
                cleared[2].push(group);
                let all = known.map.iter();
                all.for_each(|(entry, value)| add(&mut puts, vec![*entry, *value]));
            }
            Act::Timer(time) => {
                known.timers.insert(*time);
                set.push(group, *time, EVENT_TIME);
            }
            Act::NoTimer(time) => {
                known.timers.remove(time);
                deleted.push(group, *time, EVENT_TIME);
            }
        }
    }
    let [of_value, of_list, of_map] = cleared;
    let change = |cleared, removed, put| KeyedChange {
        cleared,
        removed,
        put,
    };
    KeyedAnswer {
        output: RecordBatch::new_empty(columns(&[])),
        rejected: Vec::new(),
        changes: vec![
            change(of_value, owned(&[], &[]), owned(&["v"], &values)),
            change(of_list, owned(&[], &[]), owned(&["l"], &lists)),
            change(of_map, owned(&["k"], &drops), owned(&["k", "v"], &puts)),
        ],
        deleted,
        set,
    }
}

fn at(processing: i64) -> Now {
    Now {
        processing,
        event: i64::MIN,
    }
}

/// What a call is given of all keys, as the model has it.
fn found(store: &mut Store, now: i64) -> Model {
    let keys = keys(store);
    let nothing = (RecordBatch::new_empty(store.plan.input.clone()), Vec::new());
    let work = store
        .work(&keys, nothing, Timers::default(), true, at(now))
        .unwrap();
    let names = work.keys[0].as_string::<i32>();
    assert_eq!(names.iter().flatten().collect::<Vec<_>>(), KEYS);
    let mut model: Model = (0..KEYS.len()).map(|key| (key, Known::default())).collect();
    for (state, owned) in work.states.iter().enumerate() {
        for (row, group) in owned.groups.iter().enumerate() {
            let cell = |column: usize| {
                let column = owned.rows.column(column).as_primitive::<Int64Type>();
                column.value(row)
            };
            let known = model.get_mut(&(*group as usize)).unwrap();
            match state {
                0 => assert_eq!(known.value.replace(cell(0)), None),
                1 => known.list.push(cell(0)),
                _ => assert_eq!(known.map.insert(cell(0), cell(1)), None),
            }
        }
    }
    for (group, time, _) in work.pending.iter() {
        model
            .get_mut(&(group as usize))
            .unwrap()
            .timers
            .insert(time);
    }
    model
}

fn act() -> impl Strategy<Value = Act> {
    let small = 0_i64..4;
    prop_oneof![
        small.clone().prop_map(Act::Set),
        Just(Act::Unset),
        small.clone().prop_map(Act::Push),
        (0_usize..3, prop::collection::vec(0_i64..4, 0..3))
            .prop_map(|(less, more)| Act::Again(less, more)),
        (small.clone(), small.clone()).prop_map(|(entry, value)| Act::Put(entry, value)),
        small.clone().prop_map(Act::Drop),
        (small.clone(), small.clone()).prop_map(|(entry, value)| Act::Anew(entry, value)),
        small.clone().prop_map(Act::Timer),
        small.prop_map(Act::NoTimer),
    ]
}

fn epochs() -> impl Strategy<Value = Vec<Vec<Vec<(usize, Act)>>>> {
    let call = prop::collection::vec((0..KEYS.len(), act()), 0..5);
    prop::collection::vec(prop::collection::vec(call, 0..5), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_put_is_there_and_comes_back(epochs in epochs()) {
        let mut store = Store::new(plan(None)).unwrap();
        let mut model: Model = (0..KEYS.len()).map(|key| (key, Known::default())).collect();
        let mut files: Vec<RecordBatch> = Vec::new();
        for epoch in epochs {
            for call in epoch {
                let answer = answer(&mut model, &call);
                let keys = keys(&mut store);
                store.apply(&keys, &answer, at(0)).unwrap();
                prop_assert_eq!(&found(&mut store, 0), &model);
            }
            files.extend(store.changes().unwrap());
            store.end();
            let mut other = Store::new(plan(None)).unwrap();
            other.restore(&files).unwrap();
            // Nothing is kept of keys of which nothing is known.
            let known = model.values().filter(|known| **known != Known::default()).count();
            prop_assert_eq!(store.entries.len(), known);
            prop_assert_eq!(other.entries.len(), known);
            prop_assert_eq!(&found(&mut other, 0), &model);
            prop_assert_eq!(other.changes().unwrap().map_or(0, |rows| rows.num_rows()), 0);
            // It goes on from there.
            store = other;
        }
    }

    /// What is written again as it was is not written to the checkpoint again.
    #[test]
    fn a_checkpoint_has_what_has_changed(before in prop::collection::vec(0_i64..4, 0..6)) {
        let mut store = Store::new(plan(None)).unwrap();
        let mut model = Model::new();
        let put = |store: &mut Store, model: &mut Model, act: Act| {
            let answer = answer(model, &[(0, act)]);
            let keys = keys(store);
            store.apply(&keys, &answer, at(0)).unwrap();
            let rows = store.changes().unwrap().map_or(0, |rows| rows.num_rows());
            store.end();
            rows
        };
        prop_assert_eq!(put(&mut store, &mut model, Act::Again(0, before.clone())), before.len());
        prop_assert_eq!(put(&mut store, &mut model, Act::Again(0, vec![])), 0);
        prop_assert_eq!(put(&mut store, &mut model, Act::Again(0, vec![9])), 1);
        prop_assert_eq!(put(&mut store, &mut model, Act::Set(1)), 1);
        prop_assert_eq!(put(&mut store, &mut model, Act::Set(1)), 0);
        prop_assert_eq!(put(&mut store, &mut model, Act::Put(3, 4)), 1);
        prop_assert_eq!(put(&mut store, &mut model, Act::Anew(5, 6)), 1);
    }
}

/// What comes and goes within an epoch leaves no trace; what was there before is said to be gone.
#[test]
fn a_checkpoint_has_nothing_of_what_came_and_went() {
    let mut store = Store::new(plan(None)).unwrap();
    let mut model = Model::new();
    let mut call = |store: &mut Store, act: Act| {
        let answer = answer(&mut model, &[(0, act)]);
        let keys = keys(store);
        store.apply(&keys, &answer, at(0)).unwrap();
    };
    let rows = |store: &mut Store| {
        let rows = store.changes().unwrap().map_or(0, |rows| rows.num_rows());
        store.end();
        rows
    };
    for act in [Act::Set(1), Act::Push(2), Act::Put(3, 4), Act::Timer(5)] {
        call(&mut store, act);
    }
    for act in [
        Act::Unset,
        Act::Again(1, vec![]),
        Act::Drop(3),
        Act::NoTimer(5),
    ] {
        call(&mut store, act);
    }
    assert_eq!(rows(&mut store), 0);
    assert!(store.entries.is_empty());
    call(&mut store, Act::Set(1));
    call(&mut store, Act::Timer(5));
    assert_eq!(rows(&mut store), 2);
    for act in [Act::Unset, Act::NoTimer(5), Act::Set(2), Act::Unset] {
        call(&mut store, act);
    }
    assert_eq!(rows(&mut store), 2);
    assert!(store.entries.is_empty());
}

/// A key with more state than a call is given: its rows come together all the same.
#[test]
fn a_large_key_has_its_rows_in_one_call() {
    let mut store = Store::new(plan(None)).unwrap();
    let mut model = Model::new();
    let keys = keys(&mut store);
    let large = answer(&mut model, &[(0, Act::Again(0, vec![7; 2_000]))]);
    store.apply(&keys, &large, at(0)).unwrap();
    let rows = [keys[0], keys[0], keys[0], keys[1], keys[0]];
    assert_eq!(store.fitting(&rows, 100, 1_000), 3);
    assert_eq!(store.fitting(&rows, 2, 1_000), 2);
    assert_eq!(store.fitting(&rows[3..], 100, 1_000), 1);
    assert_eq!(store.fitting(&rows, 100, 1 << 20), 5);
}

#[test]
fn rows_are_forgotten_when_they_were_not_written_for_so_long() {
    let mut store = Store::new(plan(Some(100))).unwrap();
    let mut model = Model::new();
    let mut files = Vec::new();
    for (now, act) in [(0, Act::Set(1)), (40, Act::Push(1)), (80, Act::Push(2))] {
        let keys = keys(&mut store);
        let answer = answer(&mut model, &[(0, act)]);
        store.apply(&keys, &answer, at(now)).unwrap();
        store.forget(now);
        files.extend(store.changes().unwrap());
        store.end();
    }
    let mut restored = Store::new(plan(Some(100))).unwrap();
    restored.restore(&files).unwrap();
    for store in [&mut store, &mut restored] {
        let mut lists = Vec::new();
        for now in [99, 100, 139, 140, 179, 180] {
            // What has expired is not given, whether it has been taken out or not.
            let given = found(store, now).remove(&0).unwrap();
            lists.push((given.value, given.list.clone()));
            store.forget(now);
            store.end();
            let after = found(store, now).remove(&0).unwrap();
            assert_eq!(after, given);
            store.end();
        }
        let both = vec![1, 2];
        assert_eq!(
            lists,
            [
                (Some(1), both.clone()),
                (None, both.clone()),
                (None, both),
                (None, vec![2]),
                (None, vec![2]),
                (None, vec![])
            ]
        );
        assert!(store.entries.is_empty());
    }
}

/// Timers come by their time; those that they set come in the same epoch only if they are later.
#[test]
fn timers_that_set_timers_come_to_an_end() {
    let mut store = Store::new(plan(None)).unwrap();
    let mut model = Model::new();
    let keys = keys(&mut store);
    let set = [(0, Act::Timer(5)), (1, Act::Timer(3))];
    store
        .apply(&keys, &answer(&mut model, &set), at(0))
        .unwrap();
    let mut fired = Vec::new();
    let mut firing = Firing::new(&store, EVENT_TIME, 10);
    while let Some(due) = firing.next(&mut store, 1, 1 << 20) {
        let (_, time, _) = due.timers.iter().next().unwrap();
        fired.push((due.keys[0], time));
        // One that is later, one that is not, and one whose time has not come.
        let mut set = Timers::default();
        for next in [time + 4, time - 1, 20] {
            set.push(0, next, EVENT_TIME);
        }
        let mut answer = answer(&mut model, &[]);
        answer.set = set;
        store.apply(&due.keys, &answer, at(0)).unwrap();
        firing.follow(&due, &answer).unwrap();
    }
    let (ann, bob) = (keys[0], keys[1]);
    assert_eq!(fired, [(ann, 5), (bob, 3), (ann, 9), (bob, 7)]);
    let left = store.due(EVENT_TIME, i64::MAX);
    let left: Vec<i64> = left.map(|(time, _)| time).collect();
    assert_eq!(left, [2, 4, 6, 8, 11, 13, 20, 20]);
}

#[test]
fn timers_that_set_timers_after_the_end_are_told() {
    let mut store = Store::new(plan(None)).unwrap();
    let mut model = Model::new();
    let keys = keys(&mut store);
    let first = answer(&mut model, &[(0, Act::Timer(0))]);
    store.apply(&keys, &first, at(0)).unwrap();
    let mut firing = Firing::new(&store, EVENT_TIME, i64::MAX);
    let error = loop {
        let due = firing.next(&mut store, 9, 1 << 20).unwrap();
        let (_, time, _) = due.timers.iter().next().unwrap();
        let mut answer = answer(&mut model, &[]);
        answer.set.push(0, time + 1, EVENT_TIME);
        store.apply(&due.keys, &answer, at(0)).unwrap();
        if let Err(error) = firing.follow(&due, &answer) {
            break error.to_string();
        }
    };
    assert!(error.contains("have set 10000 others"), "{error}");
}

/// -0.0 is 0.0, every NaN is one, and null is a key: as everywhere.
#[test]
fn keys_are_those_of_sql() {
    let input = Arc::new(Schema::new(vec![Field::new("x", DataType::Float64, true)]));
    let plan = KeyedPlan {
        input: input.clone(),
        ..plan(None)
    };
    let mut store = Store::new(plan).unwrap();
    let odd = f64::from_bits(0xfff8_0000_0000_0001);
    let values = [Some(0.0), Some(-0.0), Some(f64::NAN), Some(odd), None, None];
    let column: ArrayRef = Arc::new(arrow::array::Float64Array::from(values.to_vec()));
    let numbers = store.number(&RecordBatch::try_new(input, vec![column]).unwrap());
    assert_eq!(numbers.unwrap(), [0, 0, 1, 1, 2, 2]);
    assert_eq!(store.key_rows(&[2]).unwrap().column(0).null_count(), 1);
}
