//! A tap shows so much and no more, and nothing waits for it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::MANIFEST;
use crate::client::{Tap, ask, tap, until};
use crate::components::good;
use crate::pipeline::Folder;

#[test]
fn rows_are_picked_by_the_rate_that_is_asked_for() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let shown = tap(
        &address,
        &["numbers", "--rate", "10", "--limit", "40", "--json"],
    );
    assert_eq!(shown.json().len(), 40);
    // Ten at once, then ten a second.
    assert!(shown.took >= Duration::from_secs(3), "{:?}", shown.took);
    let (rows, passed) = shown.counts();
    assert_eq!(rows, 40);
    // A thousand pass in a second, on a machine that has the time.
    assert!(passed > rows, "{passed}");
    for rate in ["0", "1001"] {
        let shown = tap(&address, &["numbers", "--rate", rate]);
        assert_eq!(shown.code, Some(2), "{}", shown.stderr);
        let (code, _) = ask(&address, &format!("/nodes/numbers/tap?rate={rate}"), "");
        assert_eq!(code, 422);
    }
    pipeline.drain();
}

/// Rows of 40 kB, much more of them than connections and their buffers hold.
const LONG: &str = "
name: long
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 100ms }
sources:
  numbers:
    generator:
      rows: 4000
      rows_per_second: 500
      columns:
        id: { type: bigint, sequence: true }
        text: { type: string, values: [TEXT] }
transforms:
  ids: { sql: 'SELECT id FROM numbers' }
sinks:
  out: { from: ids, file: { path: ./out }, format: json }
";

#[test]
fn the_pipeline_does_not_wait_for_who_does_not_read() {
    let folder = Folder::new(&LONG.replace("TEXT", &"x".repeat(40_000)));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let silent: Vec<_> = (0..3)
        .map(|_| ask(&address, "/nodes/numbers/tap?rate=1000", ""))
        .collect();
    assert!(silent.iter().all(|(code, _)| *code == 200));
    // It comes to its end, and has lost nothing.
    pipeline.ended(Some(0));
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir(folder.path("out")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("part-") {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let row: Value = serde_json::from_str(line).unwrap();
                assert!(ids.insert(row["id"].as_u64().unwrap()), "{row} is doubled");
            }
        }
    }
    assert_eq!(ids, (0..4_000).collect());
}

#[test]
fn so_many_taps_are_open_at_a_time() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let mut open: Vec<_> = (0..8)
        .map(|_| ask(&address, "/nodes/numbers/tap", ""))
        .collect();
    assert!(open.iter().all(|(code, _)| *code == 200));
    let shown = tap(&address, &["numbers"]);
    assert_eq!(shown.code, Some(1));
    let refused = "error: 8 taps are open already: end one, and ask again\n";
    assert_eq!(shown.stderr, refused);
    // One of them goes away, and leaves nothing behind.
    open.pop();
    until("room for another tap", || {
        tap(&address, &["numbers", "--limit", "1"]).code == Some(0)
    });
    pipeline.drain();
}

/// What they are sent fills every buffer on the way, and then waits: no longer than ten seconds.
#[test]
fn who_does_not_read_gives_the_place_back() {
    let endless = LONG.replace("      rows: 4000\n", "");
    let folder = Folder::new(&endless.replace("TEXT", &"x".repeat(40_000)));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let mut silent: Vec<_> = (0..8)
        .map(|_| ask(&address, "/nodes/numbers/tap?rate=1000", ""))
        .collect();
    assert!(silent.iter().all(|(code, _)| *code == 200));
    let refused = tap(&address, &["ids"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    until("a place", || {
        // That they send something changes nothing.
        for (_, stream) in &mut silent {
            let _ = stream.write_all(b"G");
        }
        tap(&address, &["ids", "--limit", "1"]).code == Some(0)
    });
    drop(silent);
    pipeline.drain();
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[("AZUD_ADMIN_TOKEN", "secret")]);
    let address = pipeline.address();
    assert_eq!(ask(&address, "/nodes/numbers/tap", "").0, 401);
    let shown = tap(&address, &["numbers"]);
    assert_eq!(shown.code, Some(2));
    assert!(
        shown.stderr.contains("AZUD_ADMIN_TOKEN"),
        "{}",
        shown.stderr
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
    command.args(["tap", "numbers", "--limit", "2", "--json", "--at", &address]);
    command.env("AZUD_ADMIN_TOKEN", "secret");
    assert_eq!(Tap::spawn(command).ended().json().len(), 2);
    pipeline.wait_for("running tapped");
    pipeline.drain();
}
