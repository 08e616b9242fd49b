//! Versions of an aggregate whose states differ: the next one converts those of the one before,
//! while data flows and at a start, and where it cannot, nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::change::apply;
use crate::components::sums;
use crate::migrate::run_once;
use crate::pipeline::{Asked, Folder, Pipeline};
use crate::rows::{assert_exact, by_epoch};

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

fn folder(manifest: &str) -> Folder {
    let folder = Folder::new(manifest);
    folder.write("sums.wasm", &sums("1"));
    folder
}

/// Another version takes over by the manifest.
fn change(pipeline: &Pipeline<'_>, folder: &Folder, version: &str, manifest: &str) -> Asked {
    folder.write("sums.wasm", &sums(version));
    apply(pipeline, folder, manifest, &[])
}

fn number(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap()
}

/// Whatever is in a folder and begins so, in the order of names.
fn listed(folder: &Path, with: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(with)
    });
    all.sort();
    all
}

/// What a sink with a folder an epoch has written, in the order of epochs. The plugin says of
/// each row what SQL's own aggregates do.
#[track_caller]
fn results(folder: &Folder, sink: &str) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    let epochs = listed(folder.0.path(), &format!("{sink}-")).into_iter();
    for file in epochs.flat_map(|epoch| listed(&epoch, "part-")) {
        for line in fs::read_to_string(file).unwrap().lines() {
            rows.push(serde_json::from_str(line).unwrap());
        }
    }
    for row in &rows {
        let of_plugin = (number(&row["r"], "sum"), number(&row["r"], "rows"));
        assert_eq!(of_plugin, (number(row, "s"), number(row, "c")), "{row}");
    }
    rows
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
    let folder = folder(MANIFEST);
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    // The same function with another component only: it keeps other columns.
    let refused = pipeline.reload("groups.sums", &sums("2"));
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    assert!(
        refused.text.contains("it keeps other columns of a group: n bigint, sum bigint not null, rows bigint not null instead of n bigint, sum bigint not null, even bigint not null, odd bigint not null")
            && refused.text.contains("; it converts them where a manifest names it: `azud apply`"),
        "{}",
        refused.text
    );
    folder.write("sums.wasm", &sums("2"));
    let mut plan = Command::new(env!("CARGO_BIN_EXE_azud"));
    plan.arg("plan").arg(folder.path("pipeline.yaml"));
    let plan = plan
        .args(["--against", &pipeline.address()])
        .output()
        .unwrap();
    let planned = String::from_utf8(plan.stdout).unwrap();
    assert_eq!(plan.status.code(), Some(0), "{planned}");
    assert!(planned.contains("its states are converted"), "{planned}");

    for (version, lanes) in [("2", 2), ("3", 3)] {
        let lanes = format!("parallelism: {lanes}");
        let manifest = MANIFEST.replace("parallelism: 2", &lanes);
        let asked = change(&pipeline, &folder, version, &manifest);
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        pipeline.wait_for("its states are converted");
        pipeline.wait_for_an_epoch();
    }
    // There is no way back, but to begin anew.
    let asked = change(&pipeline, &folder, "1", MANIFEST);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    for told in [
        "; a version of its plugin that exports `azud:plugin/aggregate-migration` can convert what \
         one before it has kept",
        "--allow-reset groups",
    ] {
        assert!(asked.text.contains(told), "{}", asked.text);
    }
    pipeline.drain();
    assert_eq!(assert_sums(&folder), said(&["v1", "v2", "v3 since v2"]));
}

#[test]
fn a_migration_that_fails_leaves_the_version_before() {
    let folder = folder(MANIFEST);
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    for (how, told) in [
        ("traps", "in the migration"),
        ("fails", "not this group\\u{1b}[2J"),
        ("loops", "took longer than"),
        ("forgets", "`migrate` made 0 groups of 1 states"),
        ("eats", "of memory"),
    ] {
        let asked = change(&pipeline, &folder, &format!("2 {how}"), MANIFEST);
        assert_eq!(asked.code, Some(1), "{how}: {}", asked.text);
        for told in [
            "node `groups`: sums(): its states cannot be converted: of the group n `7`: ",
            told,
            "; they are as they were: go on with the version before, or correct `migrate`",
        ] {
            assert!(asked.text.contains(told), "{how}: {}", asked.text);
        }
        pipeline.wait_for_an_epoch();
    }
    // One that says it converts what nobody has kept is one that keeps something else.
    let asked = change(&pipeline, &folder, "2 lies", MANIFEST);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(
        asked.text.contains("--allow-reset groups"),
        "{}",
        asked.text
    );
    let asked = change(&pipeline, &folder, "2", MANIFEST);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
    assert_eq!(assert_sums(&folder), said(&["v1", "v2"]));
}

/// Kills it where nothing of the new version is recorded: it converts the same again.
#[test]
fn a_crash_before_the_first_record_converts_again() {
    // While data flows.
    let folder = folder(MANIFEST);
    let pipeline = folder.run(&[], &[("AZUD_KILL_AT", "before-record-of-change:1")]);
    pipeline.wait_for_rows();
    change(&pipeline, &folder, "2", MANIFEST);
    pipeline.ended(None);
    // At the next start, with all of the new states in files, and then without a crash.
    let pipeline = folder.run(&[], &[("AZUD_KILL_AT", "before-record:1")]);
    pipeline.wait_for("its states are converted");
    pipeline.ended(None);
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("its states are converted");
    pipeline.wait_for_an_epoch();
    pipeline.drain();
    // What is recorded is the new version's: there is nothing to convert.
    let manifest = MANIFEST.replace("parallelism: 2", "parallelism: 4");
    folder.write("pipeline.yaml", manifest.as_bytes());
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("goes on after epoch");
    pipeline.wait_for_an_epoch();
    let told = pipeline.drain();
    assert!(
        !told.iter().any(|line| line.contains("converted")),
        "{told:#?}"
    );
    assert_eq!(assert_sums(&folder), said(&["v1", "v2"]));
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

/// Key, value, and time in milliseconds.
type Row = (i64, i64, i64);

/// By key, and by the second in which a window or session starts.
type Sums = BTreeMap<(i64, i64), (i64, i64)>;

/// How many rows there are in each of three files.
const ROWS: i64 = 4_000;

fn rows() -> Vec<Row> {
    // Steps of 40 ms; keys come and go, so that sessions end.
    let row = |at: i64| (at * at / 7 % 9 + at / 500 % 5, at % 3_000, at * 40);
    (0..3 * ROWS).map(row).collect()
}

fn add(sums: &mut Sums, key: (i64, i64), x: i64) {
    let known = sums.entry(key).or_default();
    *known = (known.0 + x, known.1 + 1);
}

/// Windows of ten seconds that start every so many.
fn windows(rows: &[Row], slide: i64) -> Sums {
    let mut sums = Sums::new();
    for (k, x, at) in rows {
        let second = at.div_euclid(1_000);
        let last = second - second.rem_euclid(slide);
        let starts = (0..10 / slide).map(|number| last - number * slide);
        starts.for_each(|start| add(&mut sums, (*k, start), *x));
    }
    sums
}

/// Sessions with a gap of two seconds, by the millisecond in which they start.
fn sessions(rows: &[Row]) -> Sums {
    let (mut sums, mut last) = (Sums::new(), BTreeMap::new());
    for (k, x, at) in rows {
        let (start, until) = last.get(k).copied().unwrap_or((*at, *at));
        let start = if *at <= until { start } else { *at };
        last.insert(*k, (start, at + 2_000));
        add(&mut sums, (*k, start), *x);
    }
    sums
}

/// The last result of each group; of windows and sessions the only one.
fn found(folder: &Folder, sink: &str, unit: i64) -> Sums {
    let mut found = Sums::new();
    for row in results(folder, sink) {
        let start = match row["w"].as_str() {
            // In the first hours of 1970.
            Some(start) => millis(start) / unit,
            None => 0,
        };
        let sums = (number(&row, "s"), number(&row, "c"));
        let before = found.insert((number(&row, "k"), start), sums);
        assert!(before.is_none() || unit == 0, "{sink}: twice {row}");
    }
    found
}

/// `1970-01-01T00:01:02.003Z`, or a day before.
fn millis(time: &str) -> i64 {
    let (day, time) = time.trim_end_matches('Z').split_once('T').unwrap();
    let is_before = day == "1969-12-31";
    assert!(is_before || day == "1970-01-01", "{day}");
    let days = -i64::from(is_before);
    let mut parts = time.split(':').map(|part| part.parse::<f64>().unwrap());
    let mut next = || parts.next().unwrap();
    let seconds = (next() * 60.0 + next()) * 60.0 + next();
    days * 86_400_000 + (seconds * 1_000.0).round() as i64
}

#[test]
fn a_start_converts_groups_windows_and_sessions() {
    let folder = folder(GROUPS);
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
            folder.write("sums.wasm", &sums("3 traps"));
            let (code, told) = run_once(&folder);
            assert_eq!(code, Some(1), "{told}");
            assert!(told.contains("cannot be converted: of the "), "{told}");
        }
        folder.write("sums.wasm", &sums(version));
        if version != "1" {
            // Without a new row all that is converted is recorded: the next run goes on with it.
            let (code, told) = run_once(&folder);
            assert_eq!(code, Some(0), "{told}");
            let converted = told.matches("its states are converted").count();
            assert_eq!(converted, 5, "{told}");
        }
        let line = |(k, x, at): &Row| format!("{{\"k\":{k},\"x\":{x},\"at\":{at}}}\n");
        let text: String = rows.iter().map(line).collect();
        folder.write(&format!("in/{version}.json"), text.as_bytes());
        let manifest = manifest.replace("at_end: keep", at_end);
        folder.write("pipeline.yaml", manifest.as_bytes());
        let (code, told) = run_once(&folder);
        assert_eq!(code, Some(0), "{told}");
        assert!(!told.contains("converted"), "{told}");
    }
    let mut many = Sums::new();
    let mut one = Sums::new();
    for (_, x, _) in &rows {
        add(&mut many, (*x, 0), *x);
        add(&mut one, (0, 0), *x);
    }
    assert!(found(&folder, "many", 0) == many);
    assert_eq!(found(&folder, "one", 0), one);
    assert_eq!(found(&folder, "tumbling", 1_000), windows(&rows, 10));
    assert_eq!(found(&folder, "sliding", 1_000), windows(&rows, 5));
    assert_eq!(found(&folder, "sessions", 1), sessions(&rows));
    // Every version has said something, and the last one of what the ones before have kept.
    let versions: BTreeSet<String> = ["many", "sliding", "sessions"]
        .into_iter()
        .flat_map(|sink| results(&folder, sink))
        .map(|row| row["r"]["said"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["v1", "v2", "v3 since v2", "v3 since v3"];
    assert_eq!(versions, expected.map(str::to_owned).into());
    // All of the old states is gone from the last record.
    let record = listed(&folder.path("state/epochs"), "").pop().unwrap();
    let record = fs::read_to_string(record).unwrap();
    assert!(record.contains("known string not null") && !record.contains("rows bigint not null"));
}
