//! A manifest that has changed between two runs: `azud plan --against` says what becomes of
//! each node, the run that follows does just that, and what is kept is exact.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::data::{Row, files};
use crate::process::{finish, log, refused, start, wait};
use crate::verdict::{Verdict, counted, counts, table};

const MANIFEST: &str = r#"
name: changed
trigger: once
parallelism: 2
checkpoint: { to: ./state }
sources:
  rows:
    file: { path: ./in, max_rows: 500 }
    format: json
    schema: { partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }
transforms:
  even: { sql: "SELECT * FROM rows WHERE sequence % 2 = 0" }
  sums: { sql: "SELECT key, count(*) AS n, sum(sequence) AS s FROM rows GROUP BY key" }
sinks:
  all: { from: rows, file: { path: ./all }, format: json }
  some: { from: even, file: { path: ./some }, format: json }
  counted: { from: sums, file: { path: ./counted }, format: json, mode: complete }
"#;

/// What is recorded and not committed, or may be; `None`: the first run ends by itself.
const POINTS: [Option<&str>; 5] = [
    Some("before-record:5"),
    Some("after-record:5"),
    Some("before-commit:14"),
    Some("after-commit:5"),
    None,
];

/// One change: a text in the manifest, and what it becomes.
struct Change {
    what: &'static str,
    from: &'static str,
    to: &'static str,
    /// Nodes of which something else is expected than `kept`: after a kill, and after an end.
    expected: [&'static [(&'static str, &'static str)]; 2],
}

const CHANGES: [Change; 9] = [
    Change {
        what: "other lanes",
        from: "parallelism: 2",
        to: "parallelism: 3",
        expected: [&[], &[]],
    },
    Change {
        what: "other epochs",
        from: "max_rows: 500",
        to: "max_rows: 333",
        expected: [&[], &[]],
    },
    Change {
        what: "another filter",
        from: "sequence % 2 = 0",
        to: "sequence % 2 = 0 AND sequence >= 0",
        expected: [&[], &[]],
    },
    Change {
        what: "another aggregate",
        from: "sum(sequence) AS s",
        to: "max(sequence) AS s",
        expected: [&[("sums", "lost")], &[("sums", "lost")]],
    },
    Change {
        what: "an aggregate more",
        from: "  sums:",
        to: "  most: { sql: \"SELECT key, max(sequence) AS m FROM rows GROUP BY key\" }\n  sums:",
        expected: [&[("most", "new")], &[("most", "new")]],
    },
    Change {
        what: "a sink more",
        from: "sinks:\n",
        to: "sinks:\n  also: { from: rows, file: { path: ./also }, format: json }\n",
        expected: [&[("also", "new")], &[("also", "new")]],
    },
    Change {
        what: "a sink less",
        from: "  some: { from: even, file: { path: ./some }, format: json }\n",
        to: "",
        expected: [&[("some", "lost")], &[]],
    },
    Change {
        what: "a sink elsewhere",
        from: "path: ./some",
        to: "path: ./elsewhere",
        expected: [&[("some", "lost")], &[("some", "changed")]],
    },
    Change {
        what: "another format",
        from: "path: ./some }, format: json",
        to: "path: ./some }, format: csv",
        expected: [&[("some", "lost")], &[("some", "lost")]],
    },
];

/// What `azud plan --against` says of nodes that are not kept.
fn against(folder: &Path) -> BTreeMap<String, String> {
    let said = Command::new(env!("CARGO_BIN_EXE_azud"))
        .current_dir(folder)
        .args(["plan", "p.yaml", "--against", "./state", "--json"])
        .output()
        .unwrap();
    let nodes: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let text = |node: &serde_json::Value, key: &str| node[key].as_str().unwrap().to_owned();
    let nodes = nodes.as_array().unwrap().iter();
    let nodes = nodes.map(|node| (text(node, "node"), text(node, "fit")));
    let not_kept: BTreeMap<_, _> = nodes.filter(|(_, fit)| fit != "kept").collect();
    let lost = not_kept.values().any(|fit| fit == "lost");
    assert_eq!(said.status.success(), !lost, "{said:?}");
    not_kept
}

fn run(change: &Change, point: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows = files(&folder.join("in"), 9, 2, 2_000);
    let what = format!("{}, after {point:?}", change.what);
    let write = |manifest: &str| std::fs::write(folder.join("p.yaml"), manifest).unwrap();
    write(MANIFEST);
    match point {
        Some(_) => assert!(!wait(&mut start(folder, point, &[]), folder).success()),
        None => {
            finish(folder, &[]);
            // There is something to do for the next run.
            rows = files(&folder.join("in"), 9, 3, 2_000);
        }
    }
    assert_eq!(MANIFEST.matches(change.from).count(), 1, "{what}");
    write(&MANIFEST.replace(change.from, change.to));
    let expected = change.expected[usize::from(point.is_none())];
    let said = against(folder);
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(node, fit)| ((*node).to_owned(), (*fit).to_owned()))
        .collect();
    assert_eq!(said, expected, "{what}");

    let lost: Vec<&String> = said
        .iter()
        .filter(|it| it.1 == "lost")
        .map(|it| it.0)
        .collect();
    if let [lost] = lost.as_slice() {
        let said = refused(folder, &[]);
        assert!(
            said.contains(&format!("--allow-reset {lost}")),
            "{what}: {said}"
        );
        // Nothing has changed: the manifest as it was goes on.
        write(MANIFEST);
    }
    finish(folder, &[]);
    let check = |path: &str, expected: &[Row]| {
        let verdict = Verdict::of(expected, &table(&folder.join(path)));
        assert!(
            verdict.is_good(),
            "{what}: `{path}`: {verdict}\n{}",
            log(folder)
        );
    };
    check("all", &rows);
    assert_eq!(counted(&folder.join("counted")), counts(&rows), "{what}");
    let even: Vec<Row> = rows
        .iter()
        .filter(|row| row.sequence % 2 == 0)
        .cloned()
        .collect();
    match change.what {
        "a sink less" | "a sink elsewhere" if point.is_none() => {}
        _ => check("some", &even),
    }
    if change.what == "a sink more" {
        // It has what came since, once.
        let since = table(&folder.join("also"));
        assert!(!since.is_empty(), "{what}");
        let known = since.iter().all(|row| rows.contains(row));
        let mut sequences: Vec<_> = since
            .iter()
            .map(|row| (row.partition, row.sequence))
            .collect();
        sequences.sort_unstable();
        sequences.dedup();
        assert!(known && sequences.len() == since.len(), "{what}");
    }
}

#[test]
fn what_becomes_of_every_node_is_told_before_and_done() {
    for (number, change) in CHANGES.iter().enumerate() {
        for (other, point) in POINTS.iter().enumerate() {
            // Every change, and every point, in CI too.
            if crate::seeds(10).end == 10 || number % POINTS.len() == other || point.is_none() {
                run(change, *point);
            }
        }
    }
    println!(
        "{} changes of a manifest, {} ends of a run: told before, and done: 0 missing, 0 doubled",
        CHANGES.len(),
        POINTS.len()
    );
}
