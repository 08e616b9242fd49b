//! The same rows at any parallelism, however they are cut into chunks and epochs.

use std::collections::BTreeMap;
use std::sync::Arc;

use azud_connector_memory::MemorySink;
use proptest::prelude::*;

use crate::support::{plan, run, source};

fn manifest(lanes: usize, mode: &str, state: &str) -> String {
    format!(
        "
name: counts
trigger: once
parallelism: {lanes}
sources:
  in: {{ file: {{ path: . }}, format: text }}
transforms:
  long: {{ sql: 'SELECT value AS word FROM `in` WHERE length(value) > 1' }}
  counts: {{ sql: 'SELECT word, count(*) AS n FROM long GROUP BY word'{state} }}
sinks:
  out: {{ from: counts, blackhole: {{}}, mode: {mode} }}
"
    )
}

/// What each epoch of a plain loop gives: new counts of the words that came in it.
fn expected(epochs: &[Vec<String>], forget: bool) -> Vec<BTreeMap<String, u64>> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = Vec::new();
    for epoch in epochs {
        if forget {
            counts.clear();
        }
        let words: Vec<&String> = epoch.iter().filter(|word| word.len() > 1).collect();
        for word in &words {
            *counts.entry((*word).clone()).or_default() += 1;
        }
        let touched = counts.iter().filter(|(word, _)| words.contains(word));
        all.push(touched.map(|(word, n)| (word.clone(), *n)).collect());
    }
    all
}

/// What a sink was given, epoch by epoch.
fn committed(sink: &MemorySink) -> Vec<BTreeMap<String, u64>> {
    let epochs = sink.committed().into_iter();
    let of_epoch = epochs.map(|epoch| {
        let mut rows = BTreeMap::new();
        for batch in &epoch.batches {
            for row in 0..batch.rows() {
                let json = azud_connect::row_json(batch.columns(), row);
                let row: serde_json::Value = serde_json::from_slice(&json).unwrap();
                let word = row["word"].as_str().unwrap().to_owned();
                let twice = rows.insert(word, row["n"].as_u64().unwrap());
                assert_eq!(twice, None, "a group came twice in an epoch");
            }
        }
        rows
    });
    of_epoch.collect()
}

fn some_epochs() -> impl Strategy<Value = Vec<Vec<String>>> {
    let word = prop_oneof!["[ab]{1,2}", "[a-z]{1,3}"];
    // An epoch without a record is none: readers are asked for more until one comes.
    prop::collection::vec(prop::collection::vec(word, 1..40), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn updates_are_the_same(epochs in some_epochs(), lanes in 1_usize..5, chunk in 1_usize..20) {
        let sink = MemorySink::default();
        let text = manifest(lanes, "update", "");
        run(plan(&text, source(&epochs, chunk), Arc::new(sink.clone()))).unwrap();
        prop_assert_eq!(committed(&sink), expected(&epochs, false));
    }

    #[test]
    fn batches_stand_for_themselves(epochs in some_epochs(), lanes in 1_usize..5, chunk in 1_usize..20) {
        let sink = MemorySink::default();
        let text = manifest(lanes, "append", ", state: batch");
        run(plan(&text, source(&epochs, chunk), Arc::new(sink.clone()))).unwrap();
        prop_assert_eq!(committed(&sink), expected(&epochs, true));
    }

    #[test]
    fn complete_results_hold_all_groups(epochs in some_epochs(), lanes in 1_usize..5, chunk in 1_usize..20) {
        let sink = MemorySink::default();
        let text = manifest(lanes, "complete", "");
        run(plan(&text, source(&epochs, chunk), Arc::new(sink.clone()))).unwrap();
        let mut all = BTreeMap::new();
        let running: Vec<_> = expected(&epochs, false)
            .into_iter()
            .map(|touched| {
                all.extend(touched);
                all.clone()
            })
            .collect();
        prop_assert_eq!(committed(&sink), running);
    }
}
