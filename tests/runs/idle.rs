//! A source that falls silent.

use std::path::Path;

use crate::process::{Run, lines, until};

pub(crate) const MANIFEST: &str = r#"
name: idle
trigger: 100ms
parallelism: 2
at_end: keep
checkpoint: { to: ./state }
sources:
  busy:
    file: { path: ./busy, settle: 0s, poll: 20ms }
    format: json
    schema: { x: int, ts: timestamp }
    time: { column: ts }
  quiet:
    file: { path: ./quiet, settle: 0s, poll: 20ms }
    format: json
    schema: { x: int, ts: timestamp }
    time: { column: ts, idle: 1s }
transforms:
  sums: { sql: "SELECT window.start AS start, sum(x) AS x FROM (SELECT * FROM busy UNION ALL SELECT * FROM quiet) GROUP BY window(ts, '10 seconds')" }
sinks:
  out: { from: sums, file: { path: ./out }, format: json }
  late: { from: sums.late, file: { path: ./late }, format: json }
"#;

/// Moves rows into a source's folder.
pub(crate) fn give(folder: &Path, name: &str, rows: &[(i32, &str)]) {
    let text = rows
        .iter()
        .map(|(x, at)| format!("{{\"x\":{x},\"ts\":\"2026-01-01T00:{at}Z\"}}\n"));
    std::fs::write(folder.join(".new"), text.collect::<String>()).unwrap();
    std::fs::rename(folder.join(".new"), folder.join(name)).unwrap();
}

/// A run whose quiet source has fallen silent after a row.
fn start() -> Run {
    let folder = tempfile::tempdir().unwrap();
    for source in ["busy", "quiet"] {
        std::fs::create_dir(folder.path().join(source)).unwrap();
    }
    let busy = [(1, "00:01"), (2, "00:12"), (4, "00:25"), (8, "01:00")];
    give(folder.path(), "busy/1.json", &busy);
    give(folder.path(), "quiet/1.json", &[(16, "00:05")]);
    let run = Run::start_in(folder, MANIFEST, &[]);
    let out = run.path("out");
    until("the watermark of the busy one", || lines(&out).len() == 3);
    run
}

const CLOSED: [&str; 3] = [
    r#"{"start":"2026-01-01T00:00:00Z","x":17}"#,
    r#"{"start":"2026-01-01T00:00:10Z","x":2}"#,
    r#"{"start":"2026-01-01T00:00:20Z","x":4}"#,
];

/// While it is idle, windows of another go on; what it gives after that may be late.
#[test]
fn an_idle_source_holds_up_no_window() {
    let run = start();
    give(
        &run.path("."),
        "quiet/2.json",
        &[(32, "00:06"), (64, "01:09")],
    );
    give(&run.path("."), "busy/2.json", &[(128, "01:40")]);
    let late = run.path("late");
    until("a late row", || lines(&late).len() == 1);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let mut closed = ended.lines("out");
    closed.truncate(3);
    assert_eq!(closed, CLOSED);
    assert_eq!(
        ended.lines("late"),
        [r#"{"x":32,"ts":"2026-01-01T00:00:06Z"}"#]
    );
}

/// `azud why` beside the run: who was left behind, and what the busy one has to give.
#[test]
fn why_tells_who_was_idle() {
    let run = start();
    let mut azud = std::process::Command::new(env!("CARGO_BIN_EXE_azud"));
    let azud = azud.args(["why", "pipeline.yaml", "sums"]);
    let output = azud.current_dir(run.path(".")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, told) = text.split_once('\n').unwrap();
    assert_eq!(
        told,
        r"
watermark 2026-01-01T00:01:00Z, held back by `busy`

source  column  delay  latest row            watermark
busy    ts      0s     2026-01-01T00:01:00Z  2026-01-01T00:01:00Z
quiet   ts      0s     2026-01-01T00:00:05Z  2026-01-01T00:00:05Z  it was idle, and holds back nobody until it gives a row

sums keeps sum(CAST(x AS Int64)) by window(ts, 10 s)
  groups of windows: 1, from 2026-01-01T00:01:00Z on, until the watermark is 2026-01-01T00:01:10Z
  next at the watermark 2026-01-01T00:01:10Z, 10s from now: it takes a row of 2026-01-01T00:01:10Z or later from `busy`, and a row of 2026-01-01T00:01:10Z or later from `quiet` unless it is idle
"
    );
    run.signal("TERM");
    run.wait().assert_success();
}

/// What has been closed meanwhile stays closed for a run that comes after.
#[test]
fn a_restart_waits_for_no_source_that_was_idle() {
    let run = start();
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let run = ended.again(MANIFEST);
    give(&run.path("."), "quiet/2.json", &[(32, "00:06")]);
    let late = run.path("late");
    until("a late row", || lines(&late).len() == 1);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    assert_eq!(ended.lines("out"), CLOSED);
}

/// The clock closes windows also where nothing comes, and what is closed stays so over a restart.
#[test]
fn windows_of_the_clock_wait_for_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("busy")).unwrap();
    give(folder.path(), "busy/1.json", &[(1, "00:01"), (2, "00:02")]);
    let manifest = r#"
name: clock
trigger: 100ms
parallelism: 2
at_end: keep
checkpoint: { to: ./state }
sources:
  busy: { file: { path: ./busy, settle: 0s, poll: 20ms }, format: json, schema: { x: int } }
transforms:
  sums: { sql: "SELECT sum(x) AS x FROM busy GROUP BY window(now(), '400 milliseconds', '200 milliseconds')" }
sinks:
  out: { from: sums, file: { path: ./out }, format: json }
"#;
    let run = Run::start_in(folder, manifest, &[]);
    let out = run.path("out");
    until("both windows", || lines(&out).len() == 2);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let again = ended.again(manifest);
    std::thread::sleep(std::time::Duration::from_secs(1));
    again.signal("TERM");
    let ended = again.wait();
    ended.assert_success();
    assert_eq!(ended.lines("out"), [r#"{"x":3}"#, r#"{"x":3}"#]);
}
