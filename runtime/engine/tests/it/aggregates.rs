//! An aggregate that is a plugin: the guest `tally`, whose results are those of `count` and
//! `sum` beside it, in lanes, epochs, windows and over restarts; and rows that it fails on.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use azud_connector_memory::MemorySink;
use azud_engine::{Environment, check, manifest_connectors};
use azud_model::{ErrorKind, Result, SystemClock};
use azud_sandbox::{Sandbox, Settings};
use serde_json::Value;
use tempfile::TempDir;

use crate::guest::guest;
use crate::support::run;

/// A pipeline over files of JSON in a folder.
struct Case {
    folder: TempDir,
    sql: String,
    mode: &'static str,
    lanes: usize,
    /// More of the query's node.
    node: &'static str,
    /// What the plugin's entry has beside its path.
    plugin: &'static str,
    allow_reset: bool,
}

/// What came of a run.
struct Ended {
    outcome: Result<()>,
    rows: Vec<Value>,
    rejected: Vec<Value>,
}

// === impl Case ===

impl Case {
    fn new(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        Self {
            folder,
            sql: sql.to_owned(),
            mode: "complete",
            lanes: 1,
            node: "",
            plugin: "",
            allow_reset: false,
        }
    }

    fn give(&self, file: &str, rows: &[(&str, i64, i64)]) {
        let line = |(k, n, at): &(&str, i64, i64)| {
            format!("{{\"k\":\"{k}\",\"n\":{n},\"at\":{}}}\n", at * 1_000)
        };
        let text: String = rows.iter().map(line).collect();
        fs::write(self.folder.path().join("in").join(file), text).unwrap();
    }

    fn manifest(&self) -> String {
        format!(
            "
name: tallies
trigger: once
parallelism: {}
checkpoint: {{ to: ./state }}
sources:
  rows:
    file: {{ path: ./in, max_files: 2 }}
    format: json
    schema: {{ k: string, n: bigint, at: timestamp }}
    time: {{ column: at, delay: 5s }}
transforms:
  tallies: {{ sql: \"{}\"{} }}
  rejects:
    sql: SELECT CAST(value AS string) AS value, source, reason, plugin FROM `tallies.rejected`
sinks:
  out: {{ from: tallies, blackhole: {{}}, mode: {} }}
  bad: {{ from: rejects, blackhole: {{}} }}
plugins:
  tally: {{ path: x.wasm{} }}
",
            self.lanes, self.sql, self.node, self.mode, self.plugin
        )
    }

    fn run(&self) -> Ended {
        let manifest = self.manifest();
        let parsed =
            azud_manifest::parse("test.yaml", &manifest, &manifest_connectors(), &|_| None);
        let component = guest("tally");
        let environment = Environment {
            directory: self.folder.path().to_owned(),
            sandbox: Sandbox::new(Settings::default()).unwrap(),
            clock: Arc::new(SystemClock::new()),
            find_plugin: &|_| Ok(component.clone()),
        };
        let (out, bad) = (MemorySink::default(), MemorySink::default());
        let plan = check(&parsed.unwrap(), &environment).unwrap();
        let plan = plan
            .with_sink("out", Arc::new(out.clone()))
            .with_sink("bad", Arc::new(bad.clone()));
        let outcome = match self.allow_reset {
            false => run(plan),
            true => crate::support::run_resetting(plan, &["tallies"]),
        };
        let rows = |sink: &MemorySink| -> Vec<Value> {
            let rows = sink.rows();
            rows.iter()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect()
        };
        Ended {
            outcome,
            rows: rows(&out),
            rejected: rows(&bad),
        }
    }
}

// === impl Ended ===

impl Ended {
    /// The last row of each `k`, whose tally says the same as `count` and `sum` do.
    fn tallies(&self) -> BTreeMap<String, (i64, i64)> {
        self.outcome.as_ref().unwrap();
        let mut last = BTreeMap::new();
        for row in &self.rows {
            let (c, s) = (row["c"].as_i64().unwrap(), row["s"].as_i64().unwrap_or(0));
            assert_eq!(row["t"], format!("{c} rows, {s}"), "{row}");
            let w = row["w"].as_str().unwrap_or_default();
            let key = format!("{}{w}", row["k"].as_str().unwrap_or_default());
            last.insert(key, (c, s));
        }
        last
    }
}

const ALL: &str = "SELECT k, tally(n) AS t, count(n) AS c, sum(n) AS s FROM rows GROUP BY k";

/// Rows of 40 keys; some `n` are small, none negative.
fn some(seed: i64, count: i64) -> Vec<(String, i64, i64)> {
    let row = |at: i64| {
        let mixed = (at + seed * 7_919) * 2_654_435_761 % 1_000_003;
        (format!("k{}", mixed % 40), mixed % 1_000, at / 100)
    };
    (0..count).map(row).collect()
}

fn borrowed(rows: &[(String, i64, i64)]) -> Vec<(&str, i64, i64)> {
    let rows = rows.iter();
    rows.map(|(k, n, at)| (k.as_str(), *n, *at)).collect()
}

fn expected<'a>(
    rows: impl IntoIterator<Item = &'a (String, i64, i64)>,
) -> BTreeMap<String, (i64, i64)> {
    let mut groups: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for (k, n, _) in rows {
        let group = groups.entry(k.clone()).or_default();
        *group = (group.0 + 1, group.1 + n);
    }
    groups
}

#[test]
fn it_gives_what_is_built_in_at_any_parallelism_and_over_restarts() {
    let rows = some(1, 30_000);
    for (mode, lanes) in [("complete", [1, 4, 2]), ("update", [3, 1, 2])] {
        let mut case = Case::new(ALL);
        case.mode = mode;
        let mut seen = BTreeMap::new();
        for (number, (part, lanes)) in rows.chunks(10_000).zip(lanes).enumerate() {
            case.lanes = lanes;
            for (half, rows) in part.chunks(2_500).enumerate() {
                case.give(&format!("{number}-{half}.json"), &borrowed(rows));
            }
            seen.extend(case.run().tallies());
            let so_far = rows.iter().take((number + 1) * 10_000);
            assert_eq!(seen, expected(so_far), "{mode}, run {number}");
        }
    }
}

#[test]
fn batches_stand_for_themselves() {
    let mut case = Case::new(ALL);
    (case.mode, case.node, case.lanes) = ("append", ", state: batch", 2);
    let rows = some(2, 4_000);
    for (number, rows) in rows.chunks(1_000).enumerate() {
        case.give(&format!("{number}.json"), &borrowed(rows));
    }
    let ended = case.run();
    ended.outcome.as_ref().unwrap();
    let total = |column: &str| -> i64 {
        let rows = ended.rows.iter();
        rows.map(|row| row[column].as_i64().unwrap()).sum()
    };
    ended.tallies();
    assert_eq!(total("c"), 4_000);
    assert_eq!(total("s"), rows.iter().map(|(_, n, _)| n).sum::<i64>());
}

#[test]
fn without_keys_there_is_a_result_without_rows() {
    let case = Case::new("SELECT tally(n) AS t, count(*) AS c, sum(n) AS s FROM rows WHERE n > 5");
    case.give("1.json", &[("a", 1, 0)]);
    let ended = case.run();
    assert_eq!(ended.tallies(), [(String::new(), (0, 0))].into());
}

#[test]
fn filters_and_having_are_as_for_built_in_ones() {
    let case = Case::new(
        "SELECT k, tally(n + 1) FILTER (WHERE n > 2) AS t, count(*) FILTER (WHERE n > 2) AS c, \
         sum(n + 1) FILTER (WHERE n > 2) AS s FROM rows GROUP BY k HAVING tally(n) <> '1 rows, 3'",
    );
    // What the filter leaves out is not seen: -2 would trap, after 1 was added.
    case.give(
        "1.json",
        &[
            ("a", 3, 0),
            ("b", 1, 0),
            ("b", 4, 0),
            ("c", 1, 0),
            ("d", 7, 0),
            ("d", 8, 0),
        ],
    );
    let ended = case.run();
    let expected = [("b", (1, 5)), ("c", (0, 0)), ("d", (2, 17))];
    let expected = expected.map(|(k, sums)| (k.to_owned(), sums));
    assert_eq!(ended.tallies(), expected.into());
}

#[test]
fn windows_close_with_the_same_results() {
    for (window, mode, lanes) in [
        ("'10 seconds'", "append", 2),
        ("'10 seconds'", "update", 1),
        ("'30 seconds', '7 seconds'", "append", 3),
        ("'30 seconds', '7 seconds'", "update", 2),
        ("'30 seconds', '10 seconds'", "complete", 2),
    ] {
        let mut case = Case::new(&format!(
            "SELECT window.start AS w, k, tally(n) AS t, count(*) AS c, sum(n) AS s \
             FROM rows GROUP BY window(at, {window}), k"
        ));
        (case.mode, case.lanes) = (mode, lanes);
        // 60 s in three files, two of which are an epoch.
        for (number, rows) in some(3, 6_000).chunks(2_000).enumerate() {
            case.give(&format!("{number}.json"), &borrowed(rows));
        }
        let tallies = case.run().tallies();
        let rows: i64 = tallies.values().map(|(c, _)| c).sum();
        let windows = if window.contains("30") && window.contains("10") {
            3
        } else {
            1
        };
        match window.contains('7') {
            true => assert!(rows > 4 * 6_000 && rows < 5 * 6_000, "{rows}"),
            false => assert_eq!(rows, windows * 6_000, "{window} {mode}"),
        }
    }
}

#[test]
fn rows_that_it_fails_on_count_nowhere_and_the_others_do() {
    for lanes in [1, 2] {
        let mut case = Case::new(
            "SELECT k, tally(n) AS t, count(*) AS c, sum(n) AS s, tally(n * 1) AS again \
             FROM rows GROUP BY k",
        );
        case.lanes = lanes;
        case.plugin = ", limits: { deadline: 300ms }";
        let good = some(4, 3_000);
        let mut rows = borrowed(&good);
        for (at, n) in [(7, -1), (1_000, -2), (1_001, -4), (2_999, -1)] {
            rows.insert(at, ("k1", n, 0));
        }
        // A group of its own, which is not there then.
        rows.insert(500, ("alone", -2, 0));
        rows.push(("loops", -3, 0));
        case.give("1.json", &rows);
        let ended = case.run();
        assert_eq!(ended.tallies(), expected(&good));
        let digest = azud_sandbox::digest(&fs::read(guest("tally")).unwrap());
        let mut reasons: Vec<String> = ended
            .rejected
            .iter()
            .map(|row| {
                assert_eq!(row["source"], "rows");
                assert_eq!(row["plugin"].as_str(), Some(digest.as_str()));
                let value = row["value"].as_str().unwrap();
                format!("{value} {}", row["reason"].as_str().unwrap())
            })
            .collect();
        reasons.sort();
        let of = |value: &str, reason: &str| {
            let mut reasons = reasons.iter();
            let title = "node `tallies`: tally(): ";
            assert!(
                reasons
                    .any(|text| text.starts_with(value)
                        && text.contains(&format!("{title}{reason}"))),
                "{reasons:#?}"
            );
        };
        assert_eq!(reasons.len(), 6, "{reasons:#?}");
        of("{\"k\":\"k1\",\"n\":-1", "the plugin trapped: ");
        of("{\"k\":\"k1\",\"n\":-2", "the plugin failed: a row of -2");
        of(
            "{\"k\":\"alone\",\"n\":-2",
            "the plugin failed: a row of -2",
        );
        of(
            "{\"k\":\"k1\",\"n\":-4",
            "the plugin needs more than 64 MiB of memory",
        );
        of("{\"k\":\"loops\",\"n\":-3", "the plugin took longer than");
    }
}

#[test]
fn states_that_fail_stop_the_run_with_the_reason() {
    for (sum, reason) in [
        (
            -5,
            "could not merge states: the plugin failed: a state of -5",
        ),
        (
            -6,
            "could not make results of states: the plugin failed: a state of -6",
        ),
    ] {
        let case = Case::new("SELECT k, tally(n) AS t FROM rows GROUP BY k");
        case.give("1.json", &[("a", 1, 0), ("b", sum, 0), ("c", 3, 0)]);
        case.give("2.json", &[("a", 1, 0)]);
        case.give("3.json", &[("b", 1, 0)]);
        let error = case.run().outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Plugin);
        let error = error.to_string();
        assert!(
            error.contains(&format!("node `tallies`: tally() {reason}")),
            "{error}"
        );
    }
}

#[test]
fn another_version_goes_on_where_it_keeps_the_same() {
    let mut case = Case::new(ALL);
    case.give("1.json", &[("a", 1, 0), ("b", 2, 0)]);
    case.run().tallies();
    // Another result of the same states.
    case.plugin = ", config: { unit: \"EUR \" }";
    case.give("2.json", &[("a", 10, 0)]);
    let ended = case.run();
    ended.outcome.unwrap();
    assert_eq!(ended.rows[0]["t"], "2 rows, EUR 11");
    case.plugin = ", config: { extra: true }";
    case.give("3.json", &[("a", 100, 0)]);
    let error = case.run().outcome.unwrap_err().to_string();
    let expected = "it computes `tally(n) keeping rows bigint not null, sum bigint not null, extra \
                    bigint, count(n), sum(n) by k`, and its state is that of `tally(n) keeping rows \
                    bigint not null, sum bigint not null, count(n), sum(n) by k`";
    assert!(error.contains(expected), "{error}");
    case.allow_reset = true;
    assert_eq!(case.run().tallies(), [("a".to_owned(), (1, 100))].into());
}

#[test]
fn several_columns_are_the_fields_of_a_struct() {
    let mut case = Case::new(
        "SELECT k, concat(t.rows, ' rows, ', coalesce(t.sum, 0)) AS t, t.rows AS c, t.sum AS s \
         FROM (SELECT k, tally(n) AS t FROM rows GROUP BY k)",
    );
    case.plugin = ", config: { parts: true }";
    let rows = some(5, 1_000);
    case.give("1.json", &borrowed(&rows));
    assert_eq!(case.run().tallies(), expected(&rows));
}
