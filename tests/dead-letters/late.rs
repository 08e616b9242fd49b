//! What is replayed after its window has closed is late: whoever asked is told.

use std::fs;

use serde_json::json as value;

use crate::pipeline::Folder;
use crate::poison::{json, letters, wait_for_rows};

const TIMED: &str = "
name: timed
trigger: continuous
parallelism: 1
checkpoint: { to: ./state, every: 200ms }
dead_letters: rejects
sources:
  raw:
    file: { path: ./in }
    format: json
    schema: { id: bigint, amount: string, ts: timestamp }
    time: { column: ts, delay: 0s }
transforms:
  priced: { sql: 'SELECT id, CAST(amount AS bigint) AS amount, ts FROM raw' }
  counts: { sql: \"SELECT window, count(*) AS rows FROM priced GROUP BY window(ts, '10 seconds')\" }
sinks:
  out: { from: priced, file: { path: ./out }, format: json }
  counted: { from: counts, file: { path: ./counted }, format: json }
  rejects: { file: { path: ./rejects }, format: json }
";

#[test]
fn what_is_late_for_a_window_is_told() {
    let folder = Folder::new(TIMED);
    fs::create_dir(folder.path("in")).unwrap();
    let row = |id: u32, amount: &str, second: u32| {
        format!(r#"{{"id":{id},"amount":"{amount}","ts":"2026-01-01T00:00:{second:02}Z"}}"#) + "\n"
    };
    let rows = [
        row(1, "x", 1),
        row(2, "1", 2),
        row(3, "y", 58),
        row(4, "1", 59),
    ];
    folder.write("in/a.json", rows.concat().as_bytes());
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 2);
    wait_for_rows(&folder, "out", 2);
    wait_for_rows(&folder, "counted", 1);
    pipeline.drain();
    let mended = TIMED.replace("CAST(amount", "TRY_CAST(amount");
    folder.write("pipeline.yaml", mended.as_bytes());
    let pipeline = folder.run(&[], &[]);
    let asked = letters(&folder, "replay", &["--json", "--at", &pipeline.address()]);
    let told = json(&asked);
    assert_eq!(told["rows"], 2, "{}", asked.text);
    // Two windows: one has closed, the other one is open.
    assert_eq!(told["late"], value!({ "counts": 1 }), "{}", asked.text);
    pipeline.wait_for("1 rows came too late for `counts`");
    wait_for_rows(&folder, "out", 4);
    let again = ["--again", "--at", &pipeline.address()];
    let asked = letters(&folder, "replay", &again);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let late = "1 row of the same epochs came too late for counts, which went on without: what is \
                late goes to counts.late\n";
    assert!(asked.text.ends_with(late), "{}", asked.text);
    pipeline.drain();
}
