//! A pipeline whose plugin fails on some rows, and what came out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::components::bad;
use crate::pipeline::{Asked, Folder};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) const MANIFEST: &str = "
name: letters
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 200ms }
dead_letters: rejects
sources:
  numbers:
    file: { path: ./in, settle: 0ms, poll: 100ms }
    format: json
    schema: { n: bigint, id: bigint, word: string }
transforms:
  evil: { from: numbers, plugin: evil }
sinks:
  out: { from: evil, file: { path: ./out }, format: json }
  rejects: { file: { path: ./rejects }, format: json }
plugins:
  evil: { path: ./first.wasm, limits: { deadline: 1s, memory: 16MiB } }
";

/// A folder with so many rows, of which these are poison, and a plugin that fails on them.
pub(crate) fn folder(manifest: &str, rows: u64, poison: &BTreeSet<u64>) -> Folder {
    let folder = Folder::new(manifest);
    folder.write("first.wasm", &bad("process", "fails"));
    fs::create_dir(folder.path("in")).unwrap();
    write_rows(&folder, "in/rows.json", 0..rows, poison);
    folder
}

pub(crate) fn write_rows(
    folder: &Folder,
    name: &str,
    ids: std::ops::Range<u64>,
    poison: &BTreeSet<u64>,
) {
    let mut lines = String::new();
    for id in ids {
        let n = if poison.contains(&id) { 7 } else { id % 7 };
        writeln!(lines, r#"{{"n":{n},"id":{id},"word":null}}"#).unwrap();
    }
    folder.write(name, lines.as_bytes());
}

/// `count` rows of `rows`, spread over all of them.
pub(crate) fn spread(count: u64, rows: u64) -> BTreeSet<u64> {
    (0..count)
        .map(|number| (number * 7_919 * 31 + 13) % rows)
        .collect()
}

/// A command about the folder's manifest.
pub(crate) fn letters(folder: &Folder, verb: &str, more: &[&str]) -> Asked {
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
    command.args(["dead-letters", verb]);
    command.arg(folder.path("pipeline.yaml")).args(more);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Asked {
        code: output.status.code(),
        text: String::from_utf8(text).unwrap(),
        took: began.elapsed(),
    }
}

/// What it prints for programs.
#[track_caller]
pub(crate) fn json(asked: &Asked) -> Value {
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    // What the log tells comes after it.
    let mut texts = serde_json::Deserializer::from_str(&asked.text).into_iter();
    let first = texts.next().unwrap();
    first.unwrap_or_else(|error| panic!("{error}: {}", asked.text))
}

/// How many dead letters there are, and how many of them were replayed.
#[track_caller]
pub(crate) fn counts(folder: &Folder) -> (u64, u64) {
    let groups = json(&letters(folder, "ls", &["--json"]));
    let groups = groups.as_array().unwrap().iter();
    let counts = groups.map(|group| {
        let count = |name: &str| group[name].as_u64().unwrap();
        (count("count"), count("replayed"))
    });
    counts.fold((0, 0), |all, own| (all.0 + own.0, all.1 + own.1))
}

/// How often each `id` was delivered, and what the last of its rows says.
pub(crate) fn delivered(folder: &Folder, sink: &str) -> BTreeMap<u64, (u64, String)> {
    let mut rows: BTreeMap<u64, (u64, String)> = BTreeMap::new();
    for row in lines(folder, sink) {
        let said = row["said"].as_str().unwrap_or_default().to_owned();
        let of = rows.entry(row["id"].as_u64().unwrap()).or_default();
        *of = (of.0 + 1, said);
    }
    rows
}

/// The committed rows of a sink.
pub(crate) fn lines(folder: &Folder, sink: &str) -> Vec<Value> {
    let Ok(entries) = fs::read_dir(folder.path(sink)) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for entry in entries {
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
    rows
}

/// Waits until a sink has so many rows.
#[track_caller]
pub(crate) fn wait_for_rows(folder: &Folder, sink: &str, rows: usize) {
    let began = Instant::now();
    loop {
        let found = lines(folder, sink).len();
        if found >= rows {
            assert_eq!(found, rows, "`{sink}` has more rows");
            return;
        }
        assert!(began.elapsed() < PATIENCE, "`{sink}` has {found} rows");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Every row is there once; those that were poison are of the version `said`.
#[track_caller]
pub(crate) fn assert_once(folder: &Folder, rows: u64, poison: &BTreeSet<u64>, said: &str) {
    let delivered = delivered(folder, "out");
    let twice: Vec<_> = delivered
        .iter()
        .filter(|(_, (count, _))| *count > 1)
        .collect();
    assert!(twice.is_empty(), "doubled: {twice:?}");
    let missing: Vec<u64> = (0..rows).filter(|id| !delivered.contains_key(id)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    assert_eq!(delivered.len() as u64, rows);
    for id in poison {
        assert_eq!(delivered[id].1, said, "row {id}");
    }
}
