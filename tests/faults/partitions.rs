//! Many files: where each is stands in files of state, and a record says what changed.

use std::path::Path;
use std::process::Command;

use crate::data::{Row, row};
use crate::process::{finish, log, start, wait};
use crate::verdict::{Verdict, table};

const FILES: u64 = 2_000;

fn manifest(parallelism: u64) -> String {
    format!(
        r#"
name: many
trigger: once
parallelism: {parallelism}
checkpoint: {{ to: ./state, retain: 20 }}
sources:
  rows:
    file: {{ path: ./in, max_files: 60 }}
    format: json
    schema: {{ partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }}
sinks:
  all: {{ from: rows, file: {{ path: ./all }}, format: json }}
"#
    )
}

fn files(folder: &Path, numbers: std::ops::Range<u64>) -> Vec<Row> {
    std::fs::create_dir_all(folder).unwrap();
    let rows = numbers.map(|partition| {
        let row = row(1, partition, 0);
        let path = folder.join(format!("file-{partition:06}.json"));
        std::fs::write(path, row.json() + "\n").unwrap();
        row
    });
    rows.collect()
}

/// Bytes of each record that is kept, oldest first.
fn records(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder.join("state/epochs")).unwrap();
    let mut records: Vec<_> = entries.map(|entry| entry.unwrap()).collect();
    records.sort_by_key(std::fs::DirEntry::file_name);
    let bytes = records.iter().map(|entry| entry.metadata().unwrap().len());
    bytes.collect()
}

fn azud(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_azud"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Two thousand positions would be 200 KB in every record.
#[test]
fn killed_among_many_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows = files(&folder.join("in"), 0..FILES);
    for (number, point) in (0..).zip(["after-record:1", "before-record:9", "in-commit:12"]) {
        std::fs::write(folder.join("p.yaml"), manifest(1 + number % 2)).unwrap();
        let status = wait(&mut start(folder, Some(point), &[]), folder);
        assert!(!status.success(), "{point}: {}", log(folder));
        let sizes = records(folder);
        assert!(
            sizes.iter().all(|bytes| *bytes < 45_000),
            "{point}: {sizes:?}"
        );
    }
    finish(folder, &[]);
    // Some files go away, others come.
    for partition in 0..500 {
        let path = folder.join(format!("in/file-{partition:06}.json"));
        std::fs::remove_file(path).unwrap();
    }
    rows.extend(files(&folder.join("in"), FILES..FILES + 300));
    finish(folder, &[]);
    let verdict = Verdict::of(&rows, &table(&folder.join("all")));
    assert!(verdict.is_good(), "{verdict}\n{}", log(folder));
    let sizes = records(folder);
    assert!(sizes.iter().all(|bytes| *bytes < 45_000), "{sizes:?}");

    // What is told of them is all of them, and only those that are there.
    let listed = azud(folder, &["state", "ls", "./state", "--json"]);
    let records: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let last = records.as_array().unwrap().last().unwrap();
    let positions = last["sources"][0]["positions"].as_array().unwrap();
    let names = positions
        .iter()
        .map(|one| one["partition"].as_str().unwrap());
    let names: Vec<&str> = names.map(|name| name.rsplit('/').next().unwrap()).collect();
    let expected: Vec<String> = (500..FILES + 300)
        .map(|partition| format!("file-{partition:06}.json"))
        .collect();
    assert_eq!(names, expected);
    let text = azud(folder, &["state", "ls", "./state"]);
    let line = text.lines().filter(|line| line.contains("1800")).count();
    assert!(line >= 1, "{text}");
}
