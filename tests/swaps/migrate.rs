//! Versions of a plugin whose states differ: the next one converts those of the one before, while
//! data flows and at a start, and where it cannot, nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::components::totals;
use crate::migrating::{Migrating, run_once};
use crate::pipeline::Folder;
use crate::rows::{assert_exact, by_epoch, versions};

/// Sums and counts by digit, in states of a plugin; what its timers give goes to a folder of its
/// own.
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
  totals: { from: numbers, plugin: totals, key: [n] }
  rows: { sql: SELECT * FROM totals WHERE id IS NOT NULL }
  timers: { sql: SELECT * FROM totals WHERE id IS NULL }
sinks:
  out: { from: rows, file: { path: ./out }, format: json }
  fired: { from: timers, file: { path: ./fired }, format: json }
plugins:
  totals: { path: ./totals.wasm, limits: { deadline: 1s } }
";

fn totals_by_digit() -> Migrating {
    Migrating::new(MANIFEST, "totals", totals)
}

/// Of each digit every row was added to what was known, once: counts go from one to all of them,
/// and the last one has the sum of all. Answers the versions that have said so.
#[track_caller]
fn assert_sums(folder: &Folder) -> Vec<String> {
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    let number = |row: &Value, column: &str| row[column].as_i64().unwrap();
    let mut digits: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
    for row in epochs.values().flatten() {
        digits.entry(number(row, "n")).or_default().push(row);
    }
    assert_eq!(digits.len(), 10);
    for (digit, rows) in &mut digits {
        rows.sort_by_key(|row| number(row, "rows"));
        let counts: Vec<i64> = rows.iter().map(|row| number(row, "rows")).collect();
        let expected: Vec<i64> = (1..).take(rows.len()).collect();
        assert!(counts == expected, "digit {digit}: {counts:?}");
        let sum: i64 = rows.iter().map(|row| number(row, "id")).sum();
        assert_eq!(number(rows.last().unwrap(), "sum"), sum, "digit {digit}");
    }
    versions(&epochs)
}

/// How often timers of each digit have fired, by what they have said.
fn fired(folder: &Folder) -> BTreeMap<i64, Vec<String>> {
    let mut fired: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in by_epoch(&folder.path("fired")).values().flatten() {
        let said = row["said"].as_str().unwrap().to_owned();
        fired
            .entry(row["n"].as_i64().unwrap())
            .or_default()
            .push(said);
    }
    fired
}

#[track_caller]
fn wait_for_fired(folder: &Folder, times: usize) {
    let all = || {
        let fired = fired(folder);
        fired.len() == 10 && fired.values().all(|said| said.len() >= times)
    };
    let looks = (0..1200).map(|_| std::thread::sleep(Duration::from_millis(50)));
    assert!(looks.into_iter().any(|()| all()), "{:?}", fired(folder));
}

#[test]
fn states_are_converted_while_data_flows() {
    let totals = totals_by_digit();
    let folder = &totals.folder;
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    totals.assert_not_reloaded(
        &pipeline,
        "totals",
        "it keeps other states: value total(sum bigint not null, rows bigint not null) instead of value total(sum bigint not null); map seen",
    );
    let took = totals.assert_converts(&pipeline);
    println!("changes that convert took {took:?}");
    totals.assert_cannot(&pipeline, "1", &["--allow-reset totals"]);
    wait_for_fired(folder, 2);
    pipeline.drain();
    assert_eq!(assert_sums(folder), ["v1", "v2", "v3 since v2"]);
    // One of each digit was soon; the other one was late, until the migration made it due.
    for (digit, said) in fired(folder) {
        assert_eq!(said.len(), 2, "{digit}: {said:?}");
        assert!(said.iter().any(|said| said != "v1"), "{digit}: {said:?}");
    }
}

#[test]
fn a_migration_that_fails_leaves_the_version_before() {
    let totals = totals_by_digit();
    let pipeline = totals.folder.run(&[], &[]);
    pipeline.wait_for_rows();
    for (how, told) in [
        ("traps", "in the migration"),
        ("fails", "not this key\\u{1b}[2J"),
        ("loops", "took longer than"),
        ("gives", "`migrate` gives 1 rows of output: it has none"),
        ("eats", "of memory"),
    ] {
        let of = "node `totals`: its states cannot be converted: of the key n `7`: ";
        totals.assert_fails(&pipeline, how, &[of, told]);
        pipeline.wait_for_an_epoch();
    }
    // One that says it converts what nobody has kept is one that keeps something else.
    totals.assert_cannot(&pipeline, "2 lies", &["--allow-reset totals"]);
    let asked = totals.change(&pipeline, "2");
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
    assert_eq!(assert_sums(&totals.folder), ["v1", "v2"]);
}

#[test]
fn a_crash_before_the_first_record_converts_again() {
    let totals = totals_by_digit();
    totals.crash_before_the_first_record();
    assert_eq!(assert_sums(&totals.folder), ["v1", "v2"]);
}

/// Each of many keys once, twice over: a total of each is there before it is converted.
const MANY: &str = "
name: many
trigger: once
parallelism: 2
checkpoint: { to: ./state }
sources:
  numbers: { generator: { rows: 40000, columns: { n: { type: bigint, sequence: true, max: 19999 }, id: { type: bigint, sequence: true } } } }
transforms:
  totals: { from: numbers, plugin: totals, key: [n] }
sinks:
  out: { from: totals, file: { path: ./out }, format: json }
plugins:
  totals: { path: ./totals.wasm, limits: { deadline: 1s } }
";

#[test]
fn a_start_converts_many_keys_from_any_version_before() {
    for (before, lanes) in [("1", "parallelism: 4"), ("2", "parallelism: 1")] {
        let many = Migrating::new(MANY, "totals", totals);
        let folder = &many.folder;
        many.put(before);
        assert_eq!(run_once(folder).0, Some(0));
        // As many rows again, in another number of lanes, for a version that cannot, and one
        // that can.
        let manifest = MANY.replace("rows: 40000", "rows: 80000");
        let manifest = manifest.replace("parallelism: 2", lanes);
        folder.write("pipeline.yaml", manifest.as_bytes());
        many.put("3 traps");
        let (code, told) = run_once(folder);
        assert_eq!(code, Some(1), "{told}");
        assert!(
            told.contains("cannot be converted: of the key n `7`: "),
            "{told}"
        );
        many.put("3");
        let (code, told) = run_once(folder);
        assert_eq!(code, Some(0), "{told}");
        let mut known: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        let mut said = BTreeSet::new();
        for row in by_epoch(&folder.path("out")).values().flatten() {
            if row["id"].is_null() {
                continue;
            }
            let number = |column: &str| row[column].as_i64().unwrap();
            let known = known.entry(number("n")).or_default();
            *known = (*known).max((number("rows"), number("sum")));
            said.insert(row["said"].as_str().unwrap().to_owned());
        }
        let expected = (0..20_000).map(|n| (n, (4, 4 * n + 20_000 * 6)));
        assert!(known == expected.collect(), "of version {before}");
        let expected = BTreeSet::from([format!("v{before}"), format!("v3 since v{before}")]);
        assert_eq!(said, expected);
        // All of the old states is gone from the last record.
        let epochs = fs::read_dir(folder.path("state/epochs")).unwrap();
        let last = epochs.map(|entry| entry.unwrap().path()).max().unwrap();
        let record = fs::read_to_string(last).unwrap();
        assert!(record.contains("list totals(") && !record.contains("value total("));
    }
}
