//! `azud apply`: another manifest takes over while data flows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::all;
use crate::components::{built, good, renamed};
use crate::pipeline::{Asked, Folder, Pipeline};
use crate::rows::{assert_exact, by_epoch, versions};

/// Rows with a number of their own, that say what version of the manifest they are of; and counts
/// of them, by digit.
const MANIFEST: &str = "
name: change
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
  said: { sql: \"SELECT n, id, 'v1' AS said FROM numbers\" }
  counts: { sql: 'SELECT n, count(*) AS rows FROM numbers GROUP BY n' }
sinks:
  out: { from: said, file: { path: ./out }, format: json }
  counted: { from: counts, file: { path: ./counted, layout: batches }, format: json, mode: update }
";

pub(crate) fn apply(
    pipeline: &Pipeline<'_>,
    folder: &Folder,
    manifest: &str,
    more: &[&str],
) -> Asked {
    folder.write("changed.yaml", manifest.as_bytes());
    let path = folder.path("changed.yaml");
    pipeline.azud(&[&["apply", path.to_str().unwrap()], more].concat())
}

/// The last count of each digit.
fn counts(folder: &Folder) -> BTreeMap<u64, u64> {
    let list = |folder: &Path, with: &str| {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().path());
        let is_one = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(with)
        };
        let mut names: Vec<PathBuf> = names.filter(is_one).collect();
        names.sort();
        names
    };
    let mut counts = BTreeMap::new();
    let epochs = list(folder.0.path(), "counted-").into_iter();
    for file in epochs.flat_map(|epoch| list(&epoch, "part-")) {
        for line in fs::read_to_string(file).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            counts.insert(row["n"].as_u64().unwrap(), row["rows"].as_u64().unwrap());
        }
    }
    counts
}

/// How many rows of each digit went out.
fn rows(epochs: &BTreeMap<u64, Vec<Value>>) -> BTreeMap<u64, u64> {
    let mut rows = BTreeMap::new();
    for row in epochs.values().flatten() {
        *rows.entry(row["n"].as_u64().unwrap()).or_default() += 1;
    }
    rows
}

#[test]
fn a_query_changes_and_states_stay() {
    let folder = Folder::new(MANIFEST);
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let changes = if all() { 50 } else { 4 };
    let mut took = Vec::new();
    for number in 2..2 + changes {
        let manifest = MANIFEST.replace("'v1'", &format!("'v{number}'"));
        let asked = apply(&pipeline, &folder, &manifest, &[]);
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        assert!(asked.text.contains("changed: sql"), "{}", asked.text);
        took.push(asked.took);
        let asked = apply(&pipeline, &folder, &manifest, &[]);
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        assert!(asked.text.contains("runs already"), "{}", asked.text);
    }
    took.sort();
    println!(
        "{changes} changes, each {:?} in the median",
        took[took.len() / 2]
    );
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    let all: Vec<String> = (1..2 + changes)
        .map(|number| format!("v{number}"))
        .collect();
    assert_eq!(versions(&epochs), all);
    assert_eq!(counts(&folder), rows(&epochs));
}

#[test]
fn nodes_come_and_go() {
    let folder = Folder::new(MANIFEST);
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let more = "  more: { from: said, file: { path: ./more }, format: json }\n";
    let longer = format!("{MANIFEST}{more}");
    folder.write("longer.yaml", longer.as_bytes());
    let (path, address) = (folder.path("longer.yaml"), pipeline.address());
    let plan = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_azud"));
        command.args(["plan", path.to_str().unwrap(), "--against", &address]);
        let output = command.args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let planned: Value = serde_json::from_str(&plan(&["--json"])).unwrap();
    let nodes = planned["nodes"].as_array().unwrap();
    let differences: Vec<(&str, &str)> = nodes
        .iter()
        .map(|node| {
            (
                node["node"].as_str().unwrap(),
                node["difference"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        differences,
        [
            ("numbers", "same"),
            ("said", "same"),
            ("counts", "same"),
            ("out", "same"),
            ("counted", "same"),
            ("more", "added")
        ]
    );
    assert!(plan(&[]).contains("more"), "{}", plan(&[]));

    let asked = apply(&pipeline, &folder, &longer, &["--json"]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let applied: Value = serde_json::from_str(&asked.text).unwrap();
    let from = applied["from_epoch"].as_u64().unwrap();
    pipeline.wait_for_an_epoch();
    let asked = apply(&pipeline, &folder, MANIFEST, &["--json"]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let applied: Value = serde_json::from_str(&asked.text).unwrap();
    let until = applied["from_epoch"].as_u64().unwrap();
    pipeline.wait_for_an_epoch();
    pipeline.drain();
    // What was added has the rows of its epochs, all of them.
    let (out, more) = (
        by_epoch(&folder.path("out")),
        by_epoch(&folder.path("more")),
    );
    assert_exact(&out);
    let expected: BTreeMap<u64, BTreeSet<String>> = out
        .into_iter()
        .filter(|(epoch, _)| (from..until).contains(epoch))
        .map(|(epoch, rows)| (epoch, rows.iter().map(ToString::to_string).collect()))
        .collect();
    let given: BTreeMap<u64, BTreeSet<String>> = more
        .into_iter()
        .map(|(epoch, rows)| (epoch, rows.iter().map(ToString::to_string).collect()))
        .collect();
    assert!(!given.is_empty());
    assert_eq!(given, expected);
}

#[test]
fn what_would_lose_state_is_refused_first() {
    let folder = Folder::new(MANIFEST);
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let other = MANIFEST.replace(
        "n, count(*) AS rows FROM numbers GROUP BY n",
        "n + 100 AS n, count(*) AS rows FROM numbers GROUP BY n + 100",
    );
    let asked = apply(&pipeline, &folder, &other, &[]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(
        asked.text.contains("--allow-reset counts"),
        "{}",
        asked.text
    );
    let path = folder.path("changed.yaml");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_azud"));
    command.args([
        "plan",
        path.to_str().unwrap(),
        "--against",
        &pipeline.address(),
    ]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let asked = apply(&pipeline, &folder, &other, &["--allow-reset", "count"]);
    assert_eq!(asked.code, Some(2), "{}", asked.text);
    assert!(
        asked.text.contains("neither manifest has"),
        "{}",
        asked.text
    );
    let asked = apply(
        &pipeline,
        &folder,
        &other,
        &["--allow-reset", "counts", "--json"],
    );
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let applied: Value = serde_json::from_str(&asked.text).unwrap();
    let from = applied["from_epoch"].as_u64().unwrap();
    pipeline.wait_for_an_epoch();
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    let since: BTreeMap<u64, Vec<Value>> = epochs
        .into_iter()
        .filter(|(epoch, _)| *epoch >= from)
        .collect();
    let since: BTreeMap<u64, u64> = rows(&since)
        .into_iter()
        .map(|(n, rows)| (n + 100, rows))
        .collect();
    let counts: BTreeMap<u64, u64> = counts(&folder)
        .into_iter()
        .filter(|(n, _)| *n >= 100)
        .collect();
    assert_eq!(counts, since);
}

#[test]
fn what_is_wrong_changes_nothing() {
    let folder = Folder::new(MANIFEST);
    folder.write("file", b"in the way");
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let refused = [
        (
            "name: change",
            "name: other",
            "the manifest is that of `other`",
        ),
        ("./state", "./elsewhere", "the checkpoint is at"),
        (
            "trigger: continuous\nparallelism: 2\ncheckpoint: { to: ./state, every: 250ms }",
            "trigger: once\nparallelism: 2\ncheckpoint: { to: ./state }",
            "reads to the end",
        ),
        (
            "checkpoint: { to: ./state, every: 250ms }",
            "",
            "there is none",
        ),
        ("id, 'v1'", "what, 'v1'", "what"),
        ("transforms:", "transform:", "transform"),
        (MANIFEST, "", "error"),
        (MANIFEST, "\u{1}", "error"),
    ];
    for (from, to, told) in refused {
        let asked = apply(&pipeline, &folder, &MANIFEST.replace(from, to), &[]);
        assert_eq!(asked.code, Some(2), "{to}: {}", asked.text);
        assert!(asked.text.contains(told), "{to}: {}", asked.text);
    }
    // Where it was would be lost, under another name.
    for name in ["again", "out"] {
        let renamed = MANIFEST.replace("  numbers:", &format!("  {name}:"));
        let renamed = renamed.replace("FROM numbers", &format!("FROM {name}"));
        let renamed = renamed.replace("  out: { from: said", "  shown: { from: said");
        let asked = apply(&pipeline, &folder, &renamed, &[]);
        assert_eq!(asked.code, Some(2), "{name}: {}", asked.text);
        let flag = "--allow-reset numbers";
        assert!(asked.text.contains(flag), "{name}: {}", asked.text);
    }
    let taken_back = [
        // Nobody may divide by zero, with `on_error: stop`.
        (
            "n, id, 'v1' AS said",
            "n, id, 'v2' AS said, 1 / (n - 7) AS x",
            "divi",
        ),
        (
            "out: { from: said, file: { path: ./out }",
            "out: { from: said, file: { path: ./file/out }",
            "file",
        ),
    ];
    for (from, to, told) in taken_back {
        let asked = apply(&pipeline, &folder, &MANIFEST.replace(from, to), &[]);
        assert_ne!(asked.code, Some(0), "{to}: {}", asked.text);
        assert!(asked.text.contains(told), "{to}: {}", asked.text);
    }
    let asked = apply(&pipeline, &folder, &MANIFEST.replace("'v1'", "'v3'"), &[]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    assert_eq!(versions(&epochs), ["v1", "v3"]);
    assert_eq!(counts(&folder), rows(&epochs));
}

/// A sink with transactions can change in no other way.
#[test]
fn a_component_changes_with_the_manifest() {
    let component = built("tests/guests/epochs-files");
    let manifest = MANIFEST.replace(
        "  out: { from: said, file: { path: ./out }, format: json }\n",
        "  out: { from: said, plugin: files, config: { folder: out } }\n",
    );
    let manifest = format!(
        "{manifest}plugins:\n  files: {{ path: ./first.wasm, grants: {{ http: [], dirs: {{ out: write }} }} }}\n"
    );
    let folder = Folder::new(&manifest);
    fs::create_dir(folder.path("out")).unwrap();
    folder.write("first.wasm", &renamed(&component, "v1"));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    let refused = pipeline.reload("out", &renamed(&component, "v2"));
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    assert!(refused.text.contains("azud apply"), "{}", refused.text);
    for number in 2..6 {
        folder.write("first.wasm", &renamed(&component, &format!("v{number}")));
        let asked = apply(&pipeline, &folder, &manifest, &[]);
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        assert!(asked.text.contains("changed: component"), "{}", asked.text);
    }
    pipeline.drain();
    // The same, where the component is all that changes.
    let pipeline = folder.run(&["--watch"], &[]);
    pipeline.wait_for("goes on after epoch");
    pipeline.wait_for_an_epoch();
    folder.write("first.wasm", &renamed(&component, "v6"));
    pipeline.wait_for("`out` changes (component)");
    pipeline.wait_for("the changed manifest stays");
    pipeline.drain();
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder.path("out")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("part-") {
            let text = fs::read_to_string(&path).unwrap();
            rows.extend(
                text.lines()
                    .map(|line| serde_json::from_str::<Value>(line).unwrap()),
            );
        }
    }
    assert_exact(&BTreeMap::from([(0, rows)]));
}

#[test]
fn a_manifest_that_changes_takes_over() {
    let folder = Folder::new(MANIFEST);
    let pipeline = folder.run(&["--watch"], &[]);
    pipeline.wait_for_rows();
    folder.write("pipeline.yaml", MANIFEST.replace("'v1'", "'v2'").as_bytes());
    pipeline.wait_for("the changed manifest stays");
    folder.write("pipeline.yaml", MANIFEST.replace("'v1'", "what").as_bytes());
    pipeline.wait_for("what ran before runs on");
    // A plugin that is new with the manifest is watched from then on.
    let with_plugin = MANIFEST.replace(
        "said: { sql: \"SELECT n, id, 'v1' AS said FROM numbers\" }",
        "said: { from: numbers, plugin: evil }",
    );
    let with_plugin = format!("{with_plugin}plugins:\n  evil: {{ path: ./sub/plugin.wasm }}\n");
    fs::create_dir(folder.path("sub")).unwrap();
    folder.write("sub/plugin.wasm", &good(3));
    folder.write("pipeline.yaml", with_plugin.as_bytes());
    pipeline.wait_for("`said` changes (from, sql, plugin, columns, component)");
    let digest = |number| azud_sandbox::digest(&good(number))[..12].to_owned();
    thread::sleep(Duration::from_millis(500));
    folder.write("sub/plugin.wasm", &good(4));
    pipeline.wait_for(&format!("is recorded, and sha256 {}", digest(4)));
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    assert_eq!(versions(&epochs), ["v1", "v2", "v3", "v4"]);
    assert_eq!(counts(&folder), rows(&epochs));
}

/// Where it is killed, in the order in which a change comes there.
const STEPS: &[&str] = &[
    "before-change",
    "before-record-of-change",
    "after-record-of-change",
    "after-change-back",
];

#[test]
fn a_crash_at_any_step_leaves_one_manifest() {
    let seeds = if all() { 12 } else { 1 };
    for (seed, step) in (0..seeds).flat_map(|seed| STEPS.iter().map(move |step| (seed, step))) {
        let folder = Folder::new(MANIFEST);
        let at = format!("{step}:{}", 1 + seed % 3);
        let pipeline = folder.run(&[], &[("AZUD_KILL_AT", &at)]);
        pipeline.wait_for_rows();
        let mut last = "v1".to_owned();
        for number in 2..6 {
            last = format!("v{number}");
            let mut manifest = MANIFEST.replace("'v1'", &format!("'{last}'"));
            if *step == "after-change-back" {
                manifest = manifest.replace("AS said", "AS said, 1 / (n - 7) AS x");
            }
            let asked = apply(&pipeline, &folder, &manifest, &[]);
            // Nobody answers any more.
            if asked.text.contains("no pipeline answers") {
                break;
            }
        }
        pipeline.ended(None);
        // Whoever changes it puts it where the next start finds it.
        let now = match *step {
            "after-change-back" => MANIFEST.to_owned(),
            _ => MANIFEST.replace("'v1'", &format!("'{last}'")),
        };
        folder.write("pipeline.yaml", now.as_bytes());
        let pipeline = folder.run(&[], &[]);
        pipeline.wait_for("goes on after epoch");
        pipeline.wait_for_an_epoch();
        pipeline.drain();
        let epochs = by_epoch(&folder.path("out"));
        let rows_out = assert_exact(&epochs);
        let versions = versions(&epochs);
        println!("{step} {seed}: {rows_out} rows of {versions:?}");
        match *step {
            "after-change-back" => assert_eq!(versions, ["v1"]),
            _ => assert_eq!(versions.last(), Some(&last)),
        }
        assert_eq!(counts(&folder), rows(&epochs), "{step} {seed}");
    }
}
