//! `GroupStates` against a map, whatever is put in whatever order.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;

use super::GroupStates;

fn rows(values: &[(usize, i64)]) -> RecordBatch {
    let keys: StringArray = values
        .iter()
        .map(|(group, _)| Some(format!("key {group}")))
        .collect();
    let states: Int64Array = values.iter().map(|(_, state)| Some(*state)).collect();
    let fields = vec![
        Field::new("key", DataType::Utf8, true),
        Field::new("state", DataType::Int64, true),
    ];
    let schema = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, vec![Arc::new(keys), Arc::new(states)]).unwrap()
}

fn put(states: &mut GroupStates, values: &[(usize, i64)]) {
    let groups = values.iter().map(|(group, _)| *group).collect();
    states.put(groups, rows(values)).unwrap();
}

fn get(states: &GroupStates, groups: &[usize]) -> Vec<(String, i64)> {
    let found = states.gather(groups).unwrap();
    let keys = found.column(0).as_string::<i32>();
    let values = found.column(1).as_primitive::<Int64Type>();
    (0..found.num_rows())
        .map(|row| (keys.value(row).to_owned(), values.value(row)))
        .collect()
}

proptest! {
    #[test]
    fn what_was_put_last_is_found(
        epochs in prop::collection::vec(prop::collection::btree_map(0..3000_usize, any::<i64>(), 0..800), 0..30)
    ) {
        let mut states = GroupStates::new(rows(&[]).schema());
        let mut model = BTreeMap::new();
        for epoch in epochs {
            let values: Vec<_> = epoch.into_iter().collect();
            put(&mut states, &values);
            model.extend(values);
            let groups: Vec<usize> = model.keys().copied().collect();
            let expected: Vec<_> = model
                .iter()
                .map(|(group, state)| (format!("key {group}"), *state))
                .collect();
            prop_assert_eq!(get(&states, &groups), expected);
            prop_assert!(groups.iter().all(|group| states.contains(*group)));
            prop_assert!(!states.contains(3000));
        }
    }
}

#[test]
fn dead_rows_stay_fewer_than_live_ones() {
    let mut states = GroupStates::new(rows(&[]).schema());
    let all: Vec<_> = (0..50_000).map(|group| (group, 0)).collect();
    put(&mut states, &all);
    for epoch in 0..2_000 {
        let some: Vec<_> = (0..100)
            .map(|i| ((epoch * 37 + i * 499) % 50_000, 1))
            .collect();
        put(&mut states, &some);
        assert!(states.rows() <= 2 * 50_000 + 2048, "{}", states.rows());
        assert!(states.chunks() < 40, "{}", states.chunks());
    }
}

#[test]
fn a_group_without_states_is_an_error() {
    let states = GroupStates::new(rows(&[]).schema());
    assert!(states.gather(&[0]).is_err());
    assert_eq!(get(&states, &[]), []);
}
