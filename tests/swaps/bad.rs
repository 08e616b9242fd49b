//! Versions that must not take over: the one before runs on, and nothing is lost or doubled.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::components::{bad, good};
use crate::pipeline::Folder;
use crate::rows::{assert_exact, by_epoch, versions};

/// Rows whose first column is a digit, so that every epoch has a 7.
pub(crate) const MANIFEST: &str = "
name: swap
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 250ms }
sources:
  numbers:
    generator:
      rows_per_second: 4000
      columns:
        n: { type: bigint, sequence: true, max: 9 }
        id: { type: bigint, sequence: true }
transforms:
  evil: { from: numbers, plugin: evil }
sinks:
  out: { from: evil, file: { path: ./out }, format: json }
plugins:
  evil: { path: ./first.wasm, limits: { deadline: 1s, memory: 16MiB } }
";

/// Where (`later`: not in the first calls), how, and what `azud reload` tells. Some are found out on rows that the node was given
/// before, or, where these have no 7, when they run.
const BAD: &[(&str, &str, &str)] = &[
    ("open", "loops", "longer than 1s"),
    ("open", "panics", "trapped"),
    ("open", "eats-memory", "memory"),
    ("open", "recurses", "call stack"),
    ("open", "long-name", "a name of 1048576 bytes"),
    ("open", "many-columns", "columns"),
    ("open", "deep", "deep"),
    ("open", "carries-less", "other columns"),
    ("open", "other-types", "other columns"),
    ("later", "loops", "longer than 1s"),
    ("later", "panics", "trapped"),
    ("later", "eats-memory", "memory"),
    ("later", "short", "wrong answer"),
    ("process", "loops", "longer than 1s"),
    ("process", "panics", "trapped"),
    ("process", "divides", "trapped"),
    ("process", "exits", "exit"),
    ("process", "eats-memory", "memory"),
    ("process", "recurses", "call stack"),
    ("process", "fails", "bad luck"),
    ("process", "rejects-with-controls", "one"),
    ("process", "short", "wrong answer"),
    ("process", "offsets", "wrong answer"),
    ("process", "bad-text", "wrong answer"),
    ("process", "rows-beyond", "wrong answer"),
    ("process", "claims-rows", "wrong answer"),
    ("process", "kept-and-rejected", "wrong answer"),
];

/// Runs it through all that is bad; answers every version that rows came of, epoch by epoch.
fn run(manifest: &str) -> BTreeMap<u64, Vec<Value>> {
    let folder = Folder::new(manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running swap");
    let mut refused = 0;
    for (place, how, told) in BAD {
        let asked = pipeline.reload("evil", &bad(place, how));
        let what = format!("{how} in {place}: {:?} {}", asked.code, asked.text);
        println!("{:?} {what}", asked.took);
        // 1: taken back, 2: refused.
        assert!(matches!(asked.code, Some(1 | 2)), "{what}");
        assert!(asked.text.contains(told), "{what}");
        // What does no harm when it is tried is found out when it runs.
        assert!(*place != "later" || asked.code == Some(1), "{what}");
        refused += u32::from(asked.code == Some(2));
    }
    assert!(refused >= 10, "{refused} were found out before they ran");
    for nonsense in [&b""[..], b"no component", &good(2)[..1000]] {
        let asked = pipeline.reload("evil", nonsense);
        assert_eq!(asked.code, Some(2), "{}", asked.text);
    }
    let asked = pipeline.reload_with("evil", &good(2), &["--sha256", "00"]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(asked.text.contains("`00` is no sha256"), "{}", asked.text);
    let asked = pipeline.reload("nobody", &good(2));
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(asked.text.contains("there are `evil`"), "{}", asked.text);
    let asked = pipeline.reload("evil", &good(2));
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert!(assert_exact(&epochs) > 1_000);
    epochs
}

#[test]
fn what_is_bad_does_not_take_over() {
    assert_eq!(versions(&run(MANIFEST)), ["v1", "v2"]);
}

/// Nothing can be computed again there: each lane goes back on the spot, and what a version made of
/// rows before it failed has gone on.
#[test]
fn nor_where_there_is_no_checkpoint() {
    let lines = MANIFEST
        .lines()
        .filter(|line| !line.starts_with("checkpoint"));
    let manifest: Vec<&str> = lines.collect();
    let epochs = run(&manifest.join("\n"));
    let rows = epochs.values().flatten();
    let said: Vec<&str> = rows.filter_map(|row| row["said"].as_str()).collect();
    let is_bad = |said: &&&str| **said == "bad";
    // Nothing is given of a batch that fails, and every tenth row does that.
    assert!(said.iter().filter(is_bad).count() < 2_000);
    assert!(said.contains(&"v1") && said.contains(&"v2"));
}

/// Where a plugin of some kind fails, and how.
type Cases = &'static [(&'static str, &'static str)];

pub(crate) const OF_A_SINK: Cases = &[
    ("write", "panics"),
    ("write", "loops"),
    ("flush", "panics"),
    ("flush", "eats-memory"),
];

pub(crate) const OF_AN_AGGREGATE: Cases = &[
    ("update", "panics"),
    ("merge", "panics"),
    ("merge", "short"),
    ("finish", "loops"),
];

pub(crate) const OF_A_PLUGIN_WITH_STATE: Cases = &[
    ("process", "panics"),
    ("process", "keys-beyond"),
    ("timer", "panics"),
    ("timer", "loops"),
];

/// The plugin is the sink, `out`.
pub(crate) fn with_a_sink() -> String {
    let manifest = MANIFEST.replace(
        "  evil: { from: numbers, plugin: evil }\n",
        "  same: { sql: 'SELECT * FROM numbers' }\n",
    );
    let manifest = manifest.replace(
        "from: evil, file: { path: ./out }, format: json",
        "from: same, plugin: evil",
    );
    manifest.replace("limits: {", "grants: { http: [], tcp: [] }, limits: {")
}

/// The plugin is an aggregate of `evil`.
pub(crate) fn with_an_aggregate() -> String {
    let manifest = MANIFEST.replace(
        "evil: { from: numbers, plugin: evil }",
        "evil: { sql: 'SELECT n, evil(n) AS total FROM numbers GROUP BY n' }",
    );
    manifest.replace(
        "file: { path: ./out }, format: json",
        "file: { path: ./out, layout: batches }, format: json, mode: update",
    )
}

/// The plugin of `evil` keeps state.
pub(crate) fn with_state() -> String {
    let manifest = MANIFEST.replace(
        "id: { type: bigint, sequence: true }",
        "k: { type: bigint, sequence: true, max: 9 }",
    );
    manifest.replace("plugin: evil }", "plugin: evil, key: [k] }")
}

/// Whatever it is that fails, and wherever.
#[track_caller]
fn taken_back(manifest: &str, node: &str, cases: &[(&str, &str)]) {
    let without = |manifest: &str| {
        let lines = manifest.lines();
        let lines: Vec<&str> = lines
            .filter(|line| !line.starts_with("checkpoint"))
            .collect();
        lines.join("\n")
    };
    for manifest in [manifest.to_owned(), without(manifest)] {
        let folder = Folder::new(&manifest);
        folder.write("first.wasm", &good(1));
        let pipeline = folder.run(&[], &[]);
        pipeline.wait_for("running swap");
        for (place, how) in cases {
            let asked = pipeline.reload(node, &bad(place, how));
            assert_eq!(asked.code, Some(1), "{how} in {place}: {}", asked.text);
            let asked = pipeline.reload(node, &good(1));
            assert!(asked.text.contains("already"), "{}", asked.text);
        }
        let asked = pipeline.reload(node, &good(2));
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        pipeline.drain();
    }
}

#[test]
fn nor_does_a_bad_sink() {
    taken_back(&with_a_sink(), "out", OF_A_SINK);
}

#[test]
fn nor_does_a_bad_aggregate() {
    taken_back(&with_an_aggregate(), "evil", OF_AN_AGGREGATE);
}

#[test]
fn nor_does_a_bad_plugin_with_state() {
    taken_back(&with_state(), "evil", OF_A_PLUGIN_WITH_STATE);
}

#[test]
fn a_plugin_that_is_pinned_stays() {
    let digest = azud_sandbox::digest(&good(1));
    let pinned = format!("path: ./first.wasm, sha256: '{digest}'");
    let folder = Folder::new(&MANIFEST.replace("path: ./first.wasm", &pinned));
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running swap");
    let asked = pipeline.reload("evil", &good(2));
    assert_eq!(asked.code, Some(2));
    assert!(asked.text.contains("the manifest pins"), "{}", asked.text);
    pipeline.drain();
}
