//! Versions of an aggregate whose states differ: the next one converts those of the one before,
//! while data flows and at a start, and where it cannot, nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::components::sums;
use crate::migrating::{Migrating, run_once};
use crate::pipeline::Folder;
use crate::rows::{assert_exact, by_epoch};
use crate::sums::{FAILURES, Row, Sums, add, found, listed, number, results, sessions, windows};

/// Sums and counts by digit, in states of a plugin and of SQL's own aggregates, and the rows
/// that they are of.
const MANIFEST: &str = "
name: migrate
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 100ms }
sources:
  numbers:
    generator:
      rows_per_second: 4000
      columns:
        n: { type: bigint, sequence: true, max: 9 }
        id: { type: bigint, sequence: true }
transforms:
  groups: { sql: 'SELECT n, sums(n, id) AS r, sum(id) AS s, count(*) AS c FROM numbers GROUP BY n' }
sinks:
  out: { from: numbers, file: { path: ./out }, format: json }
  sums: { from: groups, file: { path: ./sums, layout: batches }, format: json, mode: update }
plugins:
  sums: { path: ./sums.wasm, limits: { deadline: 300ms } }
";

fn sums_by_digit() -> Migrating {
    Migrating::new(MANIFEST, "sums", sums)
}

/// The last sum and count of each digit are those of the rows that went out. Answers which
/// versions have said so of each, in their order.
#[track_caller]
fn assert_sums(folder: &Folder) -> BTreeSet<Vec<String>> {
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    let mut expected: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for row in epochs.values().flatten() {
        let known = expected.entry(number(row, "n")).or_default();
        *known = (known.0 + number(row, "id"), known.1 + 1);
    }
    assert_eq!(expected.len(), 10);
    let mut last: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut said: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in results(folder, "sums") {
        let n = number(&row, "n");
        last.insert(n, (number(&row, "s"), number(&row, "c")));
        let version = row["r"]["said"].as_str().unwrap().to_owned();
        let said = said.entry(n).or_default();
        if said.last() != Some(&version) {
            said.push(version);
        }
    }
    assert_eq!(last, expected);
    said.into_values().collect()
}

fn said(versions: &[&str]) -> BTreeSet<Vec<String>> {
    let versions = versions.iter().map(|version| (*version).to_owned());
    [versions.collect()].into()
}

#[test]
fn states_are_converted_while_data_flows() {
    let sums = sums_by_digit();
    let pipeline = sums.folder.run(&[], &[]);
    pipeline.wait_for_rows();
    sums.assert_not_reloaded(
        &pipeline,
        "groups.sums",
        "it keeps other columns of a group: n bigint, sum bigint not null, rows bigint not null instead of n bigint, sum bigint not null, even bigint not null, odd bigint not null",
    );
    sums.assert_converts(&pipeline);
    sums.assert_cannot(
        &pipeline,
        "1",
        &[
            "; a version of its plugin that exports `azud:plugin/aggregate-migration` can convert what \
             one before it has kept",
            "--allow-reset groups",
        ],
    );
    pipeline.drain();
    let expected = said(&["v1", "v2", "v3 since v2"]);
    assert_eq!(assert_sums(&sums.folder), expected);
}

#[test]
fn a_migration_that_fails_leaves_the_version_before() {
    let sums = sums_by_digit();
    let pipeline = sums.folder.run(&[], &[]);
    pipeline.wait_for_rows();
    for (how, told) in FAILURES {
        let of = "node `groups`: sums(): its states cannot be converted: of the group n `7`: ";
        sums.assert_fails(&pipeline, how, &[of, told]);
        pipeline.wait_for_an_epoch();
    }
    // One that says it converts what nobody has kept is one that keeps something else.
    sums.assert_cannot(&pipeline, "2 lies", &["--allow-reset groups"]);
    let asked = sums.change(&pipeline, "2");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
    assert_eq!(assert_sums(&sums.folder), said(&["v1", "v2"]));
}

#[test]
fn a_crash_before_the_first_record_converts_again() {
    let sums = sums_by_digit();
    sums.crash_before_the_first_record();
    assert_eq!(assert_sums(&sums.folder), said(&["v1", "v2"]));
}

/// Groups of every sort: many, one, windows that tumble and slide, sessions.
const GROUPS: &str = "
name: groups
trigger: once
at_end: keep
parallelism: 2
checkpoint: { to: ./state }
sources:
  rows:
    file: { path: ./in }
    format: json
    schema: { k: bigint, x: bigint, at: timestamp }
    time: { column: at, delay: 1s }
transforms:
  many: { sql: 'SELECT x AS k, 0 AS w, sums(x, x) AS r, sum(x) AS s, count(*) AS c FROM rows GROUP BY x' }
  one: { sql: 'SELECT 0 AS k, 0 AS w, sums(k, x) AS r, sum(x) AS s, count(*) AS c FROM rows' }
  tumbling: { sql: \"SELECT k, w.start AS w, r, s, c FROM (SELECT k, window(at, '10 seconds') AS w, sums(k, x) AS r, sum(x) AS s, count(*) AS c FROM rows GROUP BY k, window(at, '10 seconds'))\" }
  sliding: { sql: \"SELECT k, w.start AS w, r, s, c FROM (SELECT k, window(at, '10 seconds', '5 seconds') AS w, sums(k, x) AS r, sum(x) AS s, count(*) AS c FROM rows GROUP BY k, window(at, '10 seconds', '5 seconds'))\" }
  sessions: { sql: \"SELECT k, w.start AS w, r, s, c FROM (SELECT k, session_window(at, '2 seconds') AS w, sums(k, x) AS r, sum(x) AS s, count(*) AS c FROM rows GROUP BY k, session_window(at, '2 seconds'))\" }
sinks:
  out_many: { from: many, file: { path: ./many, layout: batches }, format: json, mode: update }
  out_one: { from: one, file: { path: ./one, layout: batches }, format: json, mode: update }
  out_tumbling: { from: tumbling, file: { path: ./tumbling, layout: batches }, format: json }
  out_sliding: { from: sliding, file: { path: ./sliding, layout: batches }, format: json }
  out_sessions: { from: sessions, file: { path: ./sessions, layout: batches }, format: json }
plugins:
  sums: { path: ./sums.wasm, limits: { deadline: 300ms } }
";

/// How many rows there are in each of three files.
const ROWS: i64 = 4_000;

fn rows() -> Vec<Row> {
    // Steps of 40 ms; keys come and go, so that sessions end.
    let row = |at: i64| (at * at / 7 % 9 + at / 500 % 5, at % 3_000, at * 40);
    (0..3 * ROWS).map(row).collect()
}

#[test]
fn a_start_converts_groups_windows_and_sessions() {
    let groups = Migrating::new(GROUPS, "sums", sums);
    let folder = &groups.folder;
    fs::create_dir(folder.path("in")).unwrap();
    let rows = rows();
    let starts = [
        ("1", "parallelism: 2", "at_end: keep"),
        ("2", "parallelism: 4", "at_end: keep"),
        ("3", "parallelism: 1", "at_end: close"),
    ];
    let files = rows.chunks(ROWS as usize);
    for ((version, lanes, at_end), rows) in starts.into_iter().zip(files) {
        let manifest = GROUPS.replace("parallelism: 2", lanes);
        folder.write("pipeline.yaml", manifest.as_bytes());
        if version == "3" {
            // A version that cannot goes first, and leaves everything as it was.
            groups.put("3 traps");
            let (code, told) = run_once(folder);
            assert_eq!(code, Some(1), "{told}");
            assert!(told.contains("cannot be converted: of the "), "{told}");
        }
        groups.put(version);
        if version != "1" {
            // Without a new row all that is converted is recorded: the next run goes on with it.
            let (code, told) = run_once(folder);
            assert_eq!(code, Some(0), "{told}");
            let converted = told.matches("its states are converted").count();
            assert_eq!(converted, 5, "{told}");
        }
        let line = |(k, x, at): &Row| format!("{{\"k\":{k},\"x\":{x},\"at\":{at}}}\n");
        let text: String = rows.iter().map(line).collect();
        folder.write(&format!("in/{version}.json"), text.as_bytes());
        let manifest = manifest.replace("at_end: keep", at_end);
        folder.write("pipeline.yaml", manifest.as_bytes());
        let (code, told) = run_once(folder);
        assert_eq!(code, Some(0), "{told}");
        assert!(!told.contains("converted"), "{told}");
    }
    let mut many = Sums::new();
    let mut one = Sums::new();
    for (_, x, _) in &rows {
        add(&mut many, (*x, 0), *x);
        add(&mut one, (0, 0), *x);
    }
    assert!(found(folder, "many", 0) == many);
    assert_eq!(found(folder, "one", 0), one);
    assert_eq!(found(folder, "tumbling", 1_000), windows(&rows, 10));
    assert_eq!(found(folder, "sliding", 1_000), windows(&rows, 5));
    assert_eq!(found(folder, "sessions", 1), sessions(&rows));
    // Every version has said something, and the last one of what the ones before have kept.
    let versions: BTreeSet<String> = ["many", "sliding", "sessions"]
        .into_iter()
        .flat_map(|sink| results(folder, sink))
        .map(|row| row["r"]["said"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["v1", "v2", "v3 since v2", "v3 since v3"];
    assert_eq!(versions, expected.map(str::to_owned).into());
    // All of the old states is gone from the last record.
    let record = listed(&folder.path("state/epochs"), "").pop().unwrap();
    let record = fs::read_to_string(record).unwrap();
    assert!(record.contains("known string not null") && !record.contains("rows bigint not null"));
}
