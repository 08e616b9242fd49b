//! Rows of every kind of node.

use serde_json::{Value, json};

use crate::MANIFEST;
use crate::client::tap;
use crate::components::{bad, good};
use crate::pipeline::Folder;

fn keys(row: &Value) -> Vec<&str> {
    let columns = row.as_object().unwrap();
    columns.keys().map(String::as_str).collect()
}

/// That a row is one of those that the generator gives.
#[track_caller]
fn assert_number(row: &Value) {
    let of = |column: &str| row[column].as_u64().unwrap();
    assert_eq!(of("id") % 10, of("n"), "{row}");
}

#[test]
fn rows_are_shown_as_they_pass() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let rows = |node: &str| tap(&address, &[node, "--limit", "8", "--json"]).json();
    for (node, columns) in [
        ("numbers", &["n", "id"][..]),
        ("evil", &["n", "id", "said"]),
        ("large", &["id", "n", "said"]),
        ("out", &["id", "n", "said"]),
    ] {
        let rows = rows(node);
        assert_eq!(rows.len(), 8, "{node}");
        for row in &rows {
            assert_eq!(keys(row), columns, "{node}");
            assert_number(row);
            let said = row.get("said").unwrap_or(&json!("v1")).clone();
            assert_eq!(said, "v1");
            let is_large = row["n"].as_u64().unwrap() > 4;
            assert!(is_large || !["large", "out"].contains(&node), "{row}");
        }
    }
    pipeline.drain();
}

/// A sink that is a plugin, an aggregate, and a table.
const OTHERS: &str = "
name: others
trigger: continuous
parallelism: 2
sources:
  numbers:
    generator:
      rows_per_second: 1000
      columns:
        n: { type: bigint, sequence: true, max: 9 }
        id: { type: bigint, sequence: true }
  names: { static: true, file: { path: ./names.json }, format: json, schema: { n: bigint, name: string } }
transforms:
  named: { sql: \"SELECT numbers.id, names.name FROM numbers JOIN names ON numbers.n = names.n\" }
  counts: { sql: \"SELECT n, count(*) AS rows FROM numbers GROUP BY n\" }
sinks:
  written: { from: numbers, plugin: evil }
  counted: { from: counts, blackhole: {}, mode: update }
  again: { from: counts, blackhole: {}, mode: complete }
  joined: { from: named, blackhole: {} }
plugins:
  evil: { path: ./first.wasm, grants: { http: [], tcp: [] } }
";

#[test]
fn a_sink_plugin_is_shown_what_it_takes_and_an_aggregate_what_it_gives() {
    let folder = Folder::new(OTHERS);
    folder.write("first.wasm", &good(1));
    folder.write("names.json", b"{\"n\":3,\"name\":\"three\"}\n");
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    for row in tap(&address, &["written", "--limit", "8", "--json"]).json() {
        assert_eq!(keys(&row), ["n", "id"]);
        assert_number(&row);
    }
    for node in ["counts", "counted", "again"] {
        let rows = tap(&address, &[node, "--limit", "8", "--json"]).json();
        assert_eq!(rows.len(), 8);
        for row in rows {
            assert_eq!(keys(&row), ["n", "rows"], "{node}");
            assert!(row["n"].as_u64().unwrap() < 10 && row["rows"].as_u64().unwrap() > 0);
        }
    }
    for row in tap(&address, &["named", "--limit", "2", "--json"]).json() {
        assert_eq!(row["id"].as_u64().unwrap() % 10, 3);
        assert_eq!(row["name"], "three");
    }
    let shown = tap(&address, &["names"]);
    assert_eq!(shown.code, Some(2));
    let why = "error: `names` is a table: it is read whole, and no rows pass it; there are ";
    assert!(shown.stderr.starts_with(why), "{}", shown.stderr);
    pipeline.drain();
}

#[test]
fn rejected_rows_are_shown_also_where_nobody_reads_them() {
    let component = bad("process", "fails");
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &component);
    let pipeline = folder.run(&[], &[]);
    let shown = tap(
        &pipeline.address(),
        &["evil.rejected", "--limit", "3", "--json"],
    );
    for row in shown.json() {
        let text: Value = serde_json::from_str(row["text"].as_str().unwrap()).unwrap();
        assert_eq!(text["n"], 7);
        assert_number(&text);
        assert_eq!(row["node"], "evil");
        assert_eq!(row["source"], "numbers");
        assert_eq!(row["plugin"], azud_sandbox::digest(&component));
        let reason = row["reason"].as_str().unwrap();
        assert!(
            reason.starts_with("the plugin failed: bad luck"),
            "{reason}"
        );
        assert_eq!(row["attempt"], 1);
    }
    pipeline.drain();
}

/// An hour lies between two rows: when the next one comes, what is of the hour before is late.
const LATE: &str = "
name: late
trigger: continuous
parallelism: 1
sources:
  lines:
    file: { path: ./in }
    format: json
    schema: { at: timestamp, word: string }
    time: { column: at, delay: 1s }
transforms:
  sums: { sql: \"SELECT window(at, '1 minute') AS w, count(*) AS words FROM lines GROUP BY window(at, '1 minute')\" }
sinks:
  out: { from: sums, blackhole: {} }
";

#[test]
fn late_rows_are_shown_and_people_read_keys_and_values() {
    let folder = Folder::new(LATE);
    std::fs::create_dir(folder.path("in")).unwrap();
    folder.write(
        "in/a.json",
        b"{\"at\":\"2026-07-01T10:00:00Z\",\"word\":\"a\"}\n",
    );
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let late = crate::client::Tap::start(&address, &["sums.late", "--limit", "1"]);
    let lines = crate::client::Tap::start(&address, &["lines"]);
    // Until both have been opened, files are read that make them show something.
    let mut number = 0;
    crate::client::until("a late row", || {
        number += 1;
        let row = "{\"at\":\"2026-07-01T09:00:00Z\",\"word\":\"to be\"}\n";
        folder.write(&format!("in/b{number}.json"), row.as_bytes());
        std::thread::sleep(std::time::Duration::from_millis(100));
        !late.rows().is_empty() && !lines.rows().is_empty()
    });
    lines.wait_for("at=2026-07-01T09:00:00Z word=\"to be\"");
    let refused = tap(&address, &["out.late"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let others = "; those of `sums` are\n";
    assert!(refused.stderr.ends_with(others), "{}", refused.stderr);
    let shown = late.ended();
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert_eq!(shown.rows.len(), 1);
    assert!(
        shown.rows[0].contains("at=2026-07-01T09:00:00Z"),
        "{:?}",
        shown.rows
    );
    assert!(
        shown
            .stderr
            .ends_with(": all rows that were asked for are shown\n"),
        "{}",
        shown.stderr
    );
    pipeline.drain();
}

/// A source, a plugin without timers, a query without windows, a sink: a tap would wait for ever.
#[test]
fn late_rows_that_cannot_come_are_refused() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    for node in ["numbers", "evil", "large", "out"] {
        let shown = tap(&address, &[&format!("{node}.late")]);
        assert_eq!(shown.code, Some(2), "{}", shown.stderr);
        let why = format!(
            "error: no row is late for `{node}`: rows are late for windows, sessions, joins and \
             timers of event time (`time` of a source); no node of this pipeline has them\n"
        );
        assert_eq!(shown.stderr, why);
        let target = format!("/nodes/{node}.late/tap");
        assert_eq!(crate::client::ask(&address, &target, "").0, 404);
    }
    pipeline.drain();
}

#[test]
fn a_node_that_is_not_there_is_refused_with_those_that_are() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let shown = tap(&pipeline.address(), &["larger.rejected"]);
    assert_eq!(shown.code, Some(2));
    assert_eq!(
        shown.stderr,
        "error: no node `larger`: there are `numbers`, `evil`, `large`, `out`, and of each \
         NODE.rejected, and NODE.late where rows can be late\n"
    );
    pipeline.drain();
}
