//! What is told of an epoch is that epoch's, all of it.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use azud_connector_memory::MemorySink;
use azud_engine::{Control, RunOptions, Stop};

use crate::support::{plan, source};

/// Many short epochs: lanes are in the next one while this one is told of.
#[test]
fn every_epoch_has_its_own_counts() {
    let manifest = "
name: counts
trigger: once
parallelism: 2
sources:
  in: { file: { path: . }, format: text }
transforms:
  copy: { sql: 'SELECT value FROM `in`' }
sinks:
  out: { from: copy, blackhole: {} }
";
    let epochs: Vec<Vec<String>> = (1..400)
        .map(|epoch| (0..epoch % 7 + 1).map(|row| row.to_string()).collect())
        .collect();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    let sink = Arc::new(MemorySink::default());
    let outcome = plan(manifest, source(&epochs, 2), sink).run(RunOptions {
        control: Control::default(),
        allow_reset: Vec::new(),
        stop: Stop::default(),
        progress: Arc::new(AtomicU64::new(0)),
        on_epoch: Box::new(move |report| {
            let rows_in = report.nodes.iter().map(|node| node.rows_in);
            telling.lock().unwrap().push(rows_in.collect::<Vec<_>>());
        }),
    });
    outcome.unwrap();
    let expected: Vec<Vec<u64>> = epochs
        .iter()
        .map(|epoch| vec![epoch.len() as u64; 3])
        .collect();
    assert_eq!(*told.lock().unwrap(), expected);
}
