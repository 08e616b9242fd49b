//! Versions of an aggregate whose states differ, in windows and sessions of a pipeline that runs:
//! where the migration fails the version before goes on with what is open, and no row counts twice
//! or never.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use crate::components::sums;
use crate::migrating::{Migrating, run_once};
use crate::pipeline::Folder;
use crate::rows::by_epoch;
use crate::sums::{FAILURES, Row, found, number, results, sessions, windows};

const MANIFEST: &str = "
name: windows
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 100ms }
sources:
  rows:
    file: { path: ./in, poll: 20ms }
    format: json
    schema: { k: bigint, x: bigint, at: timestamp }
    time: { column: at, delay: 1s }
transforms:
  tumbling: { sql: \"SELECT k, w.start AS w, r, s, c FROM (SELECT k, window(at, '10 seconds') AS w, sums(k + 100, x) AS r, sum(x) AS s, count(*) AS c FROM rows GROUP BY k, window(at, '10 seconds'))\" }
  sliding: { sql: \"SELECT k, w.start AS w, r, s, c FROM (SELECT k, window(at, '10 seconds', '5 seconds') AS w, sums(k + 200, x) AS r, sum(x) AS s, count(*) AS c FROM rows GROUP BY k, window(at, '10 seconds', '5 seconds'))\" }
  sessions: { sql: \"SELECT k, w.start AS w, r, s, c FROM (SELECT k, session_window(at, '2 seconds') AS w, sums(k + 300, x) AS r, sum(x) AS s, count(*) AS c FROM rows GROUP BY k, session_window(at, '2 seconds'))\" }
sinks:
  out: { from: rows, file: { path: ./out }, format: json }
  out_tumbling: { from: tumbling, file: { path: ./tumbling, layout: batches }, format: json }
  out_sliding: { from: sliding, file: { path: ./sliding, layout: batches }, format: json }
  out_sessions: { from: sessions, file: { path: ./sessions, layout: batches }, format: json }
plugins:
  sums: { path: ./sums.wasm, limits: { deadline: 300ms } }
";

/// How many rows come at a time.
const ROWS: i64 = 500;

/// Twenty seconds in which every key comes, and five in which none does: when they have all come
/// each key has a window and a session that are open, and the sessions before are closed.
fn burst(number: i64) -> Vec<Row> {
    let row = |n| (n % 10, n + number, number * 25_000 + n * 40);
    (0..ROWS).map(row).collect()
}

/// Gives the next burst, and waits until all of it is committed.
#[track_caller]
fn give(folder: &Folder, rows: &mut Vec<Row>) {
    let number = rows.len() as i64 / ROWS;
    let burst = burst(number);
    let line = |(k, x, at): &Row| format!("{{\"k\":{k},\"x\":{x},\"at\":{at}}}\n");
    let text: String = burst.iter().map(line).collect();
    folder.write(&format!("in/{number:03}.json"), text.as_bytes());
    rows.extend(burst);
    let is_committed = || folder.path("out").exists() && passed(folder).len() >= rows.len();
    assert!(comes(is_committed), "burst {number} is not committed");
}

fn comes(is_there: impl Fn() -> bool) -> bool {
    let looks = (0..3_000).map(|_| thread::sleep(Duration::from_millis(20)));
    looks.into_iter().any(|()| is_there())
}

/// The versions that have said something of a node's groups.
fn versions(folder: &Folder, node: &str) -> BTreeSet<String> {
    let results = results(folder, node).into_iter();
    results
        .map(|row| row["r"]["said"].as_str().unwrap().to_owned())
        .collect()
}

/// The values of the rows that went out as they came.
fn passed(folder: &Folder) -> Vec<i64> {
    let epochs = by_epoch(&folder.path("out"));
    let mut passed: Vec<i64> = epochs
        .values()
        .flatten()
        .map(|row| number(row, "x"))
        .collect();
    passed.sort_unstable();
    passed
}

/// Only the migration of this node's states fails: those of others have 7 nowhere.
fn fails_in(node: &str, plus: &str, key: &str) {
    let manifest = MANIFEST.replace(&format!("k + {plus}"), "k");
    let sums = Migrating::new(manifest.as_str(), "sums", sums);
    let folder = &sums.folder;
    fs::create_dir(folder.path("in")).unwrap();
    let of =
        format!("node `{node}`: sums(): its states cannot be converted: of the group {key} `1970-");
    let mut rows = Vec::new();

    // While data flows.
    let pipeline = folder.run(&[], &[]);
    give(folder, &mut rows);
    for (how, told) in FAILURES {
        sums.assert_fails(&pipeline, how, &[&of, ", k `7`: ", told]);
        give(folder, &mut rows);
    }
    sums.assert_cannot(&pipeline, "2 lies", &[&format!("--allow-reset {node}")]);
    give(folder, &mut rows);
    let asked = sums.change(&pipeline, "2");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.wait_for("its states are converted");
    give(folder, &mut rows);
    // It closes what the version before has begun.
    assert!(comes(|| versions(folder, node).contains("v2")));
    pipeline.drain();

    // At a start, where nothing is taken back: it ends, and leaves everything as it was.
    let manifest = manifest.replace("trigger: continuous", "trigger: once");
    let manifest = manifest.replace(", every: 100ms", "");
    let manifest = manifest.replace("parallelism: 2", "parallelism: 3");
    folder.write("pipeline.yaml", manifest.as_bytes());
    for (how, told) in FAILURES {
        sums.put(&format!("3 {how}"));
        let (code, said) = run_once(folder);
        assert_eq!(code, Some(1), "{how}: {said}");
        assert!(said.contains(&of) && said.contains(told), "{how}: {said}");
    }
    sums.put("3");
    let (code, told) = run_once(folder);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(
        told.matches("its states are converted").count(),
        3,
        "{told}"
    );

    let mut expected: Vec<i64> = rows.iter().map(|(_, x, _)| *x).collect();
    expected.sort_unstable();
    assert!(passed(folder) == expected);
    assert_eq!(found(folder, "tumbling", 1_000), windows(&rows, 10));
    assert_eq!(found(folder, "sliding", 1_000), windows(&rows, 5));
    assert_eq!(found(folder, "sessions", 1), sessions(&rows));
    let said = ["v1", "v2", "v3 since v2"].map(str::to_owned);
    assert_eq!(versions(folder, node), said.into());
}

#[test]
fn a_migration_that_fails_leaves_windows_that_tumble() {
    fails_in("tumbling", "100", "window(at, 10 s)");
}

#[test]
fn a_migration_that_fails_leaves_windows_that_slide() {
    fails_in("sliding", "200", "window(at, 10 s each 5 s)");
}

#[test]
fn a_migration_that_fails_leaves_sessions() {
    fails_in("sessions", "300", "session from");
}
