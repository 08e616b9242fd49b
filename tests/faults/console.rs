//! What is printed cannot be taken back: the console is given what an epoch's record holds,
//! at least once, and not again once it has it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::data::{Row, files};

const MANIFEST: &str = "
name: printed
trigger: once
parallelism: 1
checkpoint: { to: ./state }
sources:
  rows:
    file: { path: ./in, max_rows: 100 }
    format: json
    schema: { partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }
sinks:
  screen: { from: rows, console: { style: json } }
";

/// Runs until the end or a kill; answers whether it ended well, and what it printed.
fn run(folder: &Path, kill_at: Option<&str>) -> (bool, Vec<Row>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
    command
        .current_dir(folder)
        .args(["run", "p.yaml"])
        .stdin(Stdio::null())
        .env_remove("AZUD_KILL_AT");
    if let Some(kill_at) = kill_at {
        command.env("AZUD_KILL_AT", kill_at);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().filter(|line| line.starts_with('{'));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.success(),
        rows.map(Row::of_json).collect(),
        told,
    )
}

#[test]
fn it_prints_every_epoch_and_none_again_without_need() {
    // How many epochs may be there twice: of one that was killed nobody knows.
    for (kill_at, twice) in [
        ("after-spool:3", 1),
        ("before-commit:3", 0),
        ("after-commit:3", 0),
        ("after-record:3", 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let expected = files(&folder.path().join("in"), 9, 1, 1_000);
        std::fs::write(folder.path().join("p.yaml"), MANIFEST).unwrap();
        let (is_good, mut rows, told) = run(folder.path(), Some(kill_at));
        assert!(!is_good, "not killed at {kill_at}: {told}");
        let (is_good, more, told) = run(folder.path(), None);
        assert!(is_good, "{kill_at}: {told}");
        rows.extend(more);
        let mut counts: BTreeMap<&Row, usize> = BTreeMap::new();
        for row in &rows {
            *counts.entry(row).or_default() += 1;
        }
        assert_eq!(counts.len(), expected.len(), "{kill_at}: missing");
        let doubled = counts.values().filter(|count| **count > 1).count();
        assert!(doubled <= twice * 100, "{kill_at}: {doubled} doubled");

        let (is_good, again, told) = run(folder.path(), None);
        assert!(is_good, "once more after {kill_at}: {told}");
        assert_eq!(again, [], "once more after {kill_at}");
    }
}
