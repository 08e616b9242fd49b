//! The same input gives the same output: at any parallelism the same rows, and at one
//! the same bytes, with and without crashes in between.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data::files;
use crate::process::{finish, start, wait};
use crate::verdict;

fn manifest(parallelism: u64) -> String {
    format!(
        r#"
name: same
trigger: once
parallelism: {parallelism}
checkpoint: {{ to: ./state }}
sources:
  rows:
    file: {{ path: ./in, max_rows: 700 }}
    format: json
    schema: {{ partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }}
transforms:
  sums: {{ sql: "SELECT key, count(*) AS n, sum(sequence) AS s, avg(sequence) AS a FROM rows GROUP BY key" }}
sinks:
  all: {{ from: rows, file: {{ path: ./all }}, format: json }}
  counted: {{ from: sums, file: {{ path: ./counted }}, format: json, mode: complete }}
"#
    )
}

/// Every visible file and its bytes.
fn run(parallelism: u64, kills: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    files(&folder.path().join("in"), 3, 1, 5_000);
    std::fs::write(folder.path().join("p.yaml"), manifest(parallelism)).unwrap();
    for kill in kills {
        let status = wait(&mut start(folder.path(), Some(kill), &[]), folder.path());
        assert!(!status.success(), "not killed at {kill}");
    }
    finish(folder.path(), &[]);
    let mut found = BTreeMap::new();
    for table in ["all", "counted"] {
        for file in verdict::files(&folder.path().join(table)) {
            let name = file
                .strip_prefix(folder.path())
                .unwrap()
                .display()
                .to_string();
            found.insert(name, std::fs::read(&file).unwrap());
        }
    }
    found
}

fn sorted_lines(files: &BTreeMap<String, Vec<u8>>, table: &str) -> Vec<String> {
    let of_table = files
        .iter()
        .filter(|(name, _)| Path::new(name).starts_with(table));
    let text = of_table.map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap());
    let mut lines: Vec<String> = text
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    lines.sort();
    lines
}

#[test]
fn with_and_without_crashes() {
    let whole = run(1, &[]);
    let killed = run(
        1,
        &[
            "after-record:2",
            "before-record:1",
            "in-commit:3",
            "after-fetch:2",
        ],
    );
    assert_eq!(
        whole.keys().collect::<Vec<_>>(),
        killed.keys().collect::<Vec<_>>()
    );
    assert!(whole == killed, "other bytes after a crash");
    let wide = run(4, &["before-commit:3"]);
    for table in ["all", "counted"] {
        assert_eq!(sorted_lines(&whole, table), sorted_lines(&wide, table));
    }
}
