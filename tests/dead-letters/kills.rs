//! A crash at each step of a replay: the next start has every replayed row once.

use crate::all;
use crate::components::good;
use crate::poison::{MANIFEST, assert_once, counts, folder, letters, spread, wait_for_rows};

/// Where it is killed, in the order in which a replay comes there.
const STEPS: &[&str] = &[
    "after-replay-is-kept",
    "before-replay",
    "in-replay",
    "before-record-of-replay",
    "after-record-of-replay",
    "before-commit",
    "before-replay-is-put-away",
    "after-replay-is-put-away",
    "after-commit",
];

/// As long as a process that kills itself says.
const KILLED: Option<i32> = None;

fn killed(manifest: &str, step: &str, seed: u64) {
    let what = format!("{step} {seed}");
    let (rows, poison) = (3_000, spread(37, 3_000));
    let folder = folder(manifest, rows, &poison);
    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "rejects", 37);
    wait_for_rows(&folder, "out", rows as usize - 37);
    pipeline.drain();

    // From now on the plugin is mended. Nothing is read any more: an epoch is one of a replay.
    folder.write("first.wasm", &good(1));
    let count = match step {
        // One a lane, and one a sink.
        "in-replay" | "before-commit" => 1 + seed % 2,
        _ => 1,
    };
    let at = format!("{step}:{count}");
    let pipeline = folder.run(&[], &[("AZUD_KILL_AT", &at)]);
    pipeline.wait_for("goes on after epoch");
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    println!("{what}: {}", asked.text.trim());
    pipeline.ended(KILLED);

    let pipeline = folder.run(&[], &[]);
    wait_for_rows(&folder, "out", rows as usize);
    // Who asks again doubles nothing.
    let asked = letters(&folder, "replay", &["--at", &pipeline.address()]);
    assert_eq!(asked.code, Some(0), "{what}: {}", asked.text);
    assert!(
        asked.text.starts_with("0 replayed"),
        "{what}: {}",
        asked.text
    );
    pipeline.drain();
    assert_once(&folder, rows, &poison, "v1");
    assert_eq!(counts(&folder), (37, 37), "{what}");
}

#[test]
fn a_crash_at_any_step_neither_loses_nor_doubles_a_row() {
    let seeds = if all() { 4 } else { 1 };
    for seed in 0..seeds {
        for step in STEPS {
            killed(MANIFEST, step, seed);
        }
    }
}

/// Where epochs end with ticks, and the plugin is behind a step of SQL.
#[test]
fn nor_with_ticks() {
    let manifest = MANIFEST.replace("trigger: continuous", "trigger: 300ms");
    let manifest = manifest.replace(", every: 200ms", "");
    let manifest = manifest.replace(
        "  evil: { from: numbers",
        "  same: { sql: 'SELECT * FROM numbers' }\n  evil: { from: same",
    );
    for step in ["in-replay", "after-record-of-replay"] {
        killed(&manifest, step, 0);
    }
}
