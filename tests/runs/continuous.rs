//! Event time with `trigger: continuous`: the slowest connection says how far it has come.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::idle;
use crate::process::{Run, lines, until};
use crate::sockets::{connect, free_port};

/// With a checkpoint the source is journaled.
fn manifest(port: u16, checkpoint: &str, idle: &str) -> String {
    format!(
        r#"
name: slowest
trigger: continuous
parallelism: 2
at_end: keep
{checkpoint}
sources:
  rows:
    socket: {{ listen: "127.0.0.1:{port}" }}
    format: json
    schema: {{ x: int, ts: timestamp(s) }}
    time: {{ column: ts{idle} }}
transforms:
  timed: {{ sql: "SELECT x FROM rows" }}
  sums: {{ sql: "SELECT window.start AS start, sum(x) AS x FROM rows GROUP BY window(ts, '10 seconds')" }}
sinks:
  seen: {{ from: timed, file: {{ path: ./seen }}, format: json }}
  out: {{ from: sums, file: {{ path: ./out }}, format: json }}
  late: {{ from: sums.late, file: {{ path: ./late }}, format: json }}
"#
    )
}

const CHECKPOINT: &str = "checkpoint: { to: ./state, every: 100ms }";

fn give(connection: &mut TcpStream, rows: &[(i32, i64)]) {
    let text = rows
        .iter()
        .map(|(x, seconds)| format!("{{\"x\":{x},\"ts\":{seconds}}}\n"));
    let text: String = text.collect();
    connection.write_all(text.as_bytes()).unwrap();
}

/// Two connections, of which the slower one has given a row of the fifth second, and the other
/// one of the sixtieth.
fn start(checkpoint: &str, idle: &str) -> (Run, TcpStream, TcpStream) {
    let port = free_port();
    let run = Run::start(&manifest(port, checkpoint, idle));
    let mut slow = connect(port);
    give(&mut slow, &[(1, 5)]);
    let seen = run.path("seen");
    until("the slow one", || lines(&seen).len() == 1);
    let mut fast = connect(port);
    give(&mut fast, &[(2, 1), (4, 12), (8, 25), (16, 60)]);
    until("the fast one", || lines(&seen).len() == 5);
    (run, slow, fast)
}

fn window(second: u32, x: i32) -> String {
    format!("{{\"start\":\"1970-01-01T00:00:{second:02}Z\",\"x\":{x}}}")
}

#[test]
fn the_slowest_connection_is_waited_for_until_it_is_closed() {
    for checkpoint in ["", CHECKPOINT] {
        let (run, mut slow, fast) = start(checkpoint, "");
        let (out, late, seen) = (run.path("out"), run.path("late"), run.path("seen"));
        std::thread::sleep(Duration::from_millis(1_500));
        assert_eq!(lines(&out), Vec::<String>::new(), "it may give more");
        if !checkpoint.is_empty() {
            why_names_it(&run, &slow, &fast);
        }
        give(&mut slow, &[(32, 9), (64, 15)]);
        until("a window", || lines(&out).len() == 1);
        assert_eq!(lines(&out), [window(0, 35)]);
        give(&mut slow, &[(128, 6), (256, 16)]);
        until("all rows", || lines(&seen).len() == 9);
        until("a late row", || lines(&late).len() == 1);
        assert_eq!(
            lines(&late),
            [r#"{"x":128,"ts":"1970-01-01T00:00:06Z"}"#],
            "its own rows may be late"
        );
        drop(slow);
        until("what the fast one closes", || lines(&out).len() == 3);
        run.signal("TERM");
        let ended = run.wait();
        ended.assert_success();
        assert_eq!(
            ended.lines("out"),
            [window(0, 35), window(10, 324), window(20, 8)]
        );
    }
}

/// `azud why` beside the run: which connection holds back the others.
fn why_names_it(run: &Run, slow: &TcpStream, fast: &TcpStream) {
    let mut azud = std::process::Command::new(env!("CARGO_BIN_EXE_azud"));
    let azud = azud.args(["why", "pipeline.yaml", "sums"]);
    let output = azud.current_dir(run.path(".")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (slow, fast) = (slow.local_addr().unwrap(), fast.local_addr().unwrap());
    let told = format!(
        "
source  column  delay  latest row            watermark
rows    ts      0s     1970-01-01T00:01:00Z  1970-01-01T00:00:05Z

source  partition          latest row
rows    {slow}#1  1970-01-01T00:00:05Z  it holds back the source
rows    {fast}#2  1970-01-01T00:01:00Z
"
    );
    assert!(text.contains(&told), "{text}\n{told}");
    let needed = format!(
        "it takes a row of 1970-01-01T00:00:10Z or later from `rows` in each of {slow}#1\n"
    );
    assert!(text.contains(&needed), "{text}\n{needed}");
}

#[test]
fn an_idle_connection_steps_aside() {
    let (run, mut slow, mut fast) = start(CHECKPOINT, ", idle: 2s");
    let (out, late) = (run.path("out"), run.path("late"));
    until("what the fast one closes", || {
        give(&mut fast, &[(0, 61)]);
        lines(&out).len() == 3
    });
    give(&mut slow, &[(32, 6)]);
    until("a late row", || lines(&late).len() == 1);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    assert_eq!(
        ended.lines("out"),
        [window(0, 3), window(10, 4), window(20, 8)]
    );
}

/// What was closed stays closed for a run that comes after.
#[test]
fn a_restart_goes_on_from_where_the_watermark_was() {
    let (run, slow, _fast) = start(CHECKPOINT, "");
    let out = run.path("out");
    drop(slow);
    until("what the fast one closes", || lines(&out).len() == 3);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let port = free_port();
    let again = ended.again(&manifest(port, CHECKPOINT, ""));
    let mut connection = connect(port);
    give(&mut connection, &[(32, 6), (64, 75)]);
    let (out, late) = (again.path("out"), again.path("late"));
    until("a late row", || lines(&late).len() == 1);
    until("one more window", || lines(&out).len() == 4);
    again.signal("TERM");
    let ended = again.wait();
    ended.assert_success();
    let expected = [window(0, 3), window(10, 4), window(20, 8)];
    assert_eq!(ended.lines("out").get(..3), Some(&expected[..]));
    assert_eq!(
        ended.lines("out")[3],
        r#"{"start":"1970-01-01T00:01:00Z","x":16}"#
    );
}

/// A source that is idle when windows are closed, and back when the epoch ends, opens none of them
/// again after a restart.
#[test]
fn what_was_closed_within_an_epoch_is_recorded() {
    let text = manifest_of_files();
    let folder = tempfile::tempdir().unwrap();
    for source in ["busy", "quiet"] {
        std::fs::create_dir(folder.path().join(source)).unwrap();
    }
    // Just after an epoch may have ended, so that all of it is in one.
    let since_epoch = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let to_next = EPOCH - since_epoch.as_millis() as u64 % EPOCH;
    idle::give(folder.path(), "quiet/1.json", &[(16, "00:05")]);
    let busy = [(1, "00:01"), (2, "00:12"), (4, "00:25"), (8, "01:00")];
    idle::give(folder.path(), "busy/1.json", &busy);
    std::thread::sleep(Duration::from_millis(to_next + 100));
    let run = Run::start_in(folder, &text, &[]);
    std::thread::sleep(Duration::from_millis(2_000));
    idle::give(&run.path("."), "quiet/2.json", &[(32, "00:06")]);
    let (out, late) = (run.path("out"), run.path("late"));
    until("a late row", || lines(&late).len() == 1);
    until("what the busy one closes", || lines(&out).len() == 3);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let run = ended.again(&text);
    idle::give(&run.path("."), "busy/2.json", &[(64, "00:35")]);
    until("another late row", || lines(&late).len() == 2);
    run.signal("TERM");
    let ended = run.wait();
    ended.assert_success();
    let start =
        |second: &str, x: i32| format!("{{\"start\":\"2026-01-01T00:00:{second}Z\",\"x\":{x}}}");
    assert_eq!(
        ended.lines("out"),
        [start("00", 17), start("10", 2), start("20", 4)]
    );
}

/// How long an epoch is, in milliseconds.
const EPOCH: u64 = 4_000;

fn manifest_of_files() -> String {
    idle::MANIFEST
        .replace("trigger: 100ms", "trigger: continuous")
        .replace("to: ./state", &format!("to: ./state, every: {EPOCH}ms"))
}
