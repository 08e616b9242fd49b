//! What a version before has kept, taken over: it is all there, and all of it is new.

use arrow::array::{AsArray, RecordBatch};
use azud_model::REMOVED;
use azud_sandbox::{KeyedAnswer, KeyedChange, OwnedRows, Timers};
use proptest::prelude::*;

use super::super::store::Store;
use super::{KEYS, Known, Model, answer, at, epochs, found, keys, plan};

/// As a migration that keeps everything as it was answers.
fn same(states: Vec<OwnedRows>, store: &Store) -> KeyedAnswer {
    let changes = states.into_iter().zip(&store.states).map(|(put, codec)| {
        let entry = codec.entry.as_ref();
        let names = entry.map(|entry| entry.decode(std::iter::empty::<&[u8]>()).unwrap());
        KeyedChange {
            cleared: Vec::new(),
            removed: OwnedRows {
                rows: names.unwrap_or_else(|| put.rows.slice(0, 0)),
                groups: Vec::new(),
            },
            put,
        }
    });
    KeyedAnswer {
        output: RecordBatch::new_empty(store.plan.input.clone()),
        rejected: Vec::new(),
        changes: changes.collect(),
        deleted: Timers::default(),
        set: Timers::default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_taken_over_is_all_new_and_comes_back(epochs in epochs(), chunk in 1_usize..4) {
        let mut store = Store::new(plan(None)).unwrap();
        let mut model: Model = (0..KEYS.len()).map(|key| (key, Known::default())).collect();
        let mut files: Vec<RecordBatch> = Vec::new();
        for epoch in epochs {
            for call in epoch {
                let answer = answer(&mut model, &call);
                let keys = keys(&mut store);
                store.apply(&keys, &answer, at(0)).unwrap();
            }
            files.extend(store.changes().unwrap());
            store.end();
        }
        let mut from = Store::new(plan(None)).unwrap();
        from.restore(&files).unwrap();
        let mut into = Store::new(plan(None)).unwrap();
        let mut numbers: Vec<u64> = from.entries.keys().copied().collect();
        numbers.sort_unstable();
        for keys in numbers.chunks(chunk) {
            let nothing = (RecordBatch::new_empty(from.plan.input.clone()), Vec::new());
            let work = from.work(keys, nothing, Timers::default(), true, at(0)).unwrap();
            let answer = same(work.states, &from);
            into.take_over(&from, keys, &answer, at(0)).unwrap();
        }
        let new = into.changes().unwrap();
        let known = model.values();
        let rows: usize = known
            .map(|known| {
                let value = usize::from(known.value.is_some());
                value + known.list.len() + known.map.len() + known.timers.len()
            })
            .sum();
        prop_assert_eq!(new.as_ref().map_or(0, RecordBatch::num_rows), rows);
        let removed = new.iter().filter_map(|new| new.column_by_name(REMOVED));
        prop_assert_eq!(removed.map(|removed| removed.as_boolean().true_count()).sum::<usize>(), 0);
        let mut again = Store::new(plan(None)).unwrap();
        again.restore(new.as_slice()).unwrap();
        prop_assert_eq!(&found(&mut again, 0), &model);
        prop_assert_eq!(&found(&mut into, 0), &model);
    }
}
