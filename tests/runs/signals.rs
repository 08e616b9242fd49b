//! SIGINT and SIGTERM: the first drains, the second stops at once.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::process::{Run, lines, until};

const NUMBERS: &str = "
name: numbers
trigger: 200ms
parallelism: 2
sources:
  numbers:
    generator: { rows_per_second: 20000, columns: { n: { type: bigint, sequence: true } } }
transforms:
  even: { sql: 'SELECT n FROM numbers WHERE n % 2 = 0' }
sinks:
  out: { from: even, file: { path: ./out }, format: json }
";

#[test]
fn the_first_signal_drains() {
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::start_in(folder, NUMBERS, &["--json"]);
        let out = run.path("out");
        until("two epochs are visible", || {
            std::fs::read_dir(&out).is_ok_and(|files| files.count() > 4)
        });
        run.signal(signal);
        let ended = run.wait();
        ended.assert_success();

        // What was read is what came out: nothing is missing, nothing is there twice.
        let reports = ended.stdout.lines();
        let read: u64 = reports
            .map(|report| serde_json::from_str::<serde_json::Value>(report).unwrap())
            .map(|report| report["numInputRows"].as_u64().unwrap())
            .sum();
        let rows = ended.lines("out");
        let different: BTreeSet<&String> = rows.iter().collect();
        assert_eq!(different.len(), rows.len());
        assert!(read > 0);
        assert!(
            read.div_ceil(2).abs_diff(rows.len() as u64) <= 2,
            "{read} numbers were read, {} even ones came out",
            rows.len()
        );
        assert!(!ended.stderr.contains("error"), "{}", ended.stderr);
    }
}

/// Nobody reads what the console prints, so the drain cannot end.
#[test]
fn the_second_signal_stops_at_once() {
    let manifest = "
name: blocked
trigger: 100ms
sources:
  numbers: { generator: { columns: { n: { type: bigint, sequence: true } } } }
sinks:
  screen: { from: numbers, console: { style: json } }
";
    let mut run = Run::start(manifest);
    let stdout = run.take_stdout();
    std::thread::sleep(Duration::from_secs(1));
    run.signal("INT");
    std::thread::sleep(Duration::from_millis(500));
    assert!(run.is_running(), "it waits for whoever reads its output");
    run.signal("INT");
    let ended = run.wait();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.stderr);
    drop(stdout);
}

/// What was not drained was never visible.
#[test]
fn a_killed_run_leaves_whole_files_only() {
    let run = Run::start(NUMBERS);
    let out = run.path("out");
    until("an epoch is visible", || !lines(&out).is_empty());
    run.signal("KILL");
    let ended = run.wait();
    let rows = ended.lines("out");
    assert!(!rows.is_empty());
    for row in rows {
        let row: serde_json::Value = serde_json::from_str(&row).unwrap();
        assert_eq!(row["n"].as_i64().unwrap() % 2, 0);
    }
}
