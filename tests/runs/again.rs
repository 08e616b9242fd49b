//! Event time in a later run over the same checkpoint.

use std::fmt::Write as _;

use crate::process::{Run, lines, until};

/// What the end of an input has closed stays closed, also for windows that another node has made.
#[test]
fn every_window_that_had_begun_is_closed() {
    let manifest = r#"
name: again
trigger: once
parallelism: 2
checkpoint: { to: ./state }
sources:
  s: { file: { path: ./in }, format: json, schema: { id: bigint, ts: timestamp(s) }, time: { column: ts } }
transforms:
  rows: { sql: "SELECT window(ts, '10 seconds') AS w, id FROM s" }
  slid: { sql: "SELECT window(ts, '10 seconds', '5 seconds') AS w, id FROM s" }
  of_rows: { sql: "SELECT w.start AS s, sum(id) AS ids FROM rows GROUP BY w" }
  of_slid: { sql: "SELECT w.start AS s, sum(id) AS ids FROM slid GROUP BY w" }
  once: { sql: "SELECT DISTINCT w FROM rows" }
sinks:
  rows_out: { from: of_rows, file: { path: ./of_rows }, format: json }
  slid_out: { from: of_slid, file: { path: ./of_slid }, format: json }
  once_out: { from: once, file: { path: ./once }, format: json }
  rows_late: { from: of_rows.late, file: { path: ./rows_late }, format: json }
  slid_late: { from: of_slid.late, file: { path: ./slid_late }, format: json }
"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::write(folder.path().join("in/a"), "{\"id\":1,\"ts\":2}\n").unwrap();
    let ended = Run::start_in(folder, manifest, &[]).wait();
    ended.assert_success();
    let first = ["of_rows", "of_slid", "once"].map(|sink| ended.lines(sink));
    let window = |start: &str, id: u32| format!("{{\"s\":\"{start}Z\",\"ids\":{id}}}");
    assert_eq!(first[0], [window("1970-01-01T00:00:00", 1)]);
    let before = [
        window("1969-12-31T23:59:55", 1),
        window("1970-01-01T00:00:00", 1),
    ];
    assert_eq!(first[1], before);

    // The window at 5 s had not begun when the first input ended.
    let more = "{\"id\":2,\"ts\":3}\n{\"id\":4,\"ts\":7}\n";
    std::fs::write(ended.path("in/b"), more).unwrap();
    let ended = ended.again(manifest).wait();
    ended.assert_success();
    assert_eq!(ended.lines("of_rows"), first[0]);
    assert_eq!(ended.lines("once"), first[2]);
    let after = [before.to_vec(), vec![window("1970-01-01T00:00:05", 4)]].concat();
    assert_eq!(ended.lines("of_slid"), after);
    assert_eq!(ended.lines("rows_late").len(), 2);
    assert_eq!(ended.lines("slid_late").len(), 3);
}

/// Files that were begun in two lanes hold up event time until they are read, also in one lane.
#[test]
fn files_that_were_begun_are_waited_for() {
    let manifest = |parallelism: u32, max_rows: u32| {
        format!(
            r#"
name: begun
trigger: continuous
parallelism: {parallelism}
at_end: keep
checkpoint: {{ to: ./state, every: 100ms }}
sources:
  s: {{ file: {{ path: ./in, settle: 0s, max_rows: {max_rows} }}, format: json, schema: {{ ts: timestamp(s) }}, time: {{ column: ts }} }}
transforms:
  counts: {{ sql: "SELECT unix_timestamp(window.start) AS s, count(*) AS n FROM s GROUP BY window(ts, '10 seconds')" }}
sinks:
  out: {{ from: counts, file: {{ path: ./out }}, format: json }}
  late: {{ from: counts.late, file: {{ path: ./late }}, format: json }}
"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let mut text = String::new();
    for second in 0..4_000 {
        let _ = writeln!(text, "{{\"ts\":{second}}}");
    }
    for name in ["a", "b"] {
        std::fs::write(folder.path().join("in").join(name), &text).unwrap();
    }
    let run = Run::start_in(folder, &manifest(2, 20), &[]);
    let out = run.path("out");
    until("a window", || !lines(&out).is_empty());
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let given = ended.lines("out").len();
    assert!(given < 399, "it was stopped too late: {given} windows");
    let run = ended.again(&manifest(1, 1_000));
    let out = run.path("out");
    until("all windows but the last", || lines(&out).len() >= 399);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    assert_eq!(ended.lines("late"), Vec::<String>::new());
    let mut expected: Vec<String> = (0..399)
        .map(|window| format!("{{\"s\":{},\"n\":20}}", window * 10))
        .collect();
    expected.sort();
    assert_eq!(ended.lines("out"), expected);
}
