//! What is shown of a run while it runs, and afterwards.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use azud_connector_memory::MemorySink;
use azud_engine::{Control, Readiness, RowCounts, RunOptions, Stop};

use crate::support::{plan, source};

const MANIFEST: &str = "
name: shown
trigger: once
parallelism: 2
sources:
  in: { file: { path: . }, format: text }
transforms:
  short: { sql: 'SELECT value FROM `in` WHERE length(value) < 3' }
  counts: { sql: 'SELECT value, count(*) AS n FROM short GROUP BY value' }
sinks:
  out: { from: counts, blackhole: {}, mode: update }
";

/// Within an epoch's report what it reports is committed, and nothing else.
#[test]
fn what_is_committed_is_what_epochs_have_reported() {
    let epochs: Vec<Vec<String>> = (1..200)
        .map(|epoch| (0..epoch % 7 + 1).map(|row| row.to_string()).collect())
        .collect();
    let rows: usize = epochs.iter().map(Vec::len).sum();
    let control = Control::of("shown");
    let starts =
        Readiness::NotReady("it starts: the checkpoint, sinks and sources are opened".into());
    assert_eq!(control.readiness(), starts);
    assert_eq!(control.observe().name, "shown");
    let looks = control.clone();
    let sums: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
    let (told, counted) = (sums.clone(), sums);
    let sink = Arc::new(MemorySink::default());
    let outcome = plan(MANIFEST, source(&epochs, 2), sink).run(RunOptions {
        control: control.clone(),
        allow_reset: Vec::new(),
        stop: Stop::default(),
        progress: Arc::new(AtomicU64::new(0)),
        on_epoch: Box::new(move |report| {
            assert_eq!(looks.readiness(), Readiness::Ready);
            let observed = looks.observe();
            assert_eq!(observed.epoch, Some(report.batch_id));
            let mut told = told.lock().unwrap();
            told.resize(report.nodes.len(), (0, 0));
            for ((sum, of), node) in told.iter_mut().zip(&report.nodes).zip(&observed.nodes) {
                *sum = (sum.0 + of.rows_in, sum.1 + of.rows_out);
                assert_eq!(node.name, of.name);
                assert_eq!((node.committed.rows_in, node.committed.rows_out), *sum);
                // Lanes may be in the next one.
                assert!(node.live.rows_in >= sum.0);
            }
        }),
    });
    outcome.unwrap();
    let observed = control.observe();
    assert_eq!(observed.records, rows as u64);
    for (node, (rows_in, rows_out)) in observed.nodes.iter().zip(&*counted.lock().unwrap()) {
        let all = RowCounts {
            rows_in: *rows_in,
            rows_out: *rows_out,
            ..RowCounts::default()
        };
        assert_eq!((node.committed, node.live), (all, all), "{}", node.name);
    }
    let queues: Vec<_> = observed.nodes.iter().map(|node| node.queue).collect();
    let waiting = queues
        .iter()
        .flatten()
        .map(|queue| queue.waiting)
        .sum::<usize>();
    assert_eq!(waiting, 0, "{queues:?}");
    // The source, the aggregate behind an exchange, and the sink; `short` is called.
    let has_queue: Vec<bool> = queues.iter().map(Option::is_some).collect();
    assert_eq!(has_queue, [true, false, true, true]);
    let ended = Readiness::NotReady("it has ended".to_owned());
    assert_eq!(control.readiness(), ended);
    let metrics = control.metrics();
    let line = format!("azud_node_input_rows_total{{pipeline=\"shown\",node=\"in\"}} {rows}");
    assert!(metrics.lines().any(|of| of == line), "{line}\n{metrics}");
}
