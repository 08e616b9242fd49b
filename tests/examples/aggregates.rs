//! Example 07: an aggregate that is a plugin, by key and by window.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{azud, root};

#[test]
fn example_07_has_the_largest_of_each_user_and_window() {
    let output = azud("07-wasm-aggregate").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    // Mode complete: the last table has all.
    let tables = stdout.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<String> = tables.map(|row| row.replace(' ', "")).collect();
    let last: BTreeSet<&str> = rows.iter().rev().take(2).map(String::as_str).collect();
    assert_eq!(
        last,
        BTreeSet::from(["|ann|8|90,60,50|", "|bob|6|80,70,40|"]),
        "{stdout}"
    );
    let windows: BTreeSet<&str> = stdout
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    let window = |start: &str, user: &str, best: &str| {
        format!("{{\"start\":\"{start}Z\",\"user\":\"{user}\",\"best\":\"{best}\"}}")
    };
    // 14 comes after the first of its two windows, and is not among the largest of the other.
    let expected = [
        window("2025-12-31T23:59:50", "ann", "50, 10"),
        window("2025-12-31T23:59:50", "bob", "40, 20"),
        window("2026-01-01T00:00:00", "ann", "90, 60, 50"),
        window("2026-01-01T00:00:00", "bob", "80, 70, 40"),
        window("2026-01-01T00:00:10", "ann", "90, 60, 30"),
        window("2026-01-01T00:00:10", "bob", "80, 70, 12"),
        window("2026-01-01T00:00:20", "ann", "13, 11"),
        window("2026-01-01T00:00:20", "bob", "12"),
    ];
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    assert_eq!(windows, expected, "{stdout}");
}

#[test]
fn example_07_passes_its_own_tests() {
    let pipeline = root().join("examples/07-wasm-aggregate/pipeline.yaml");
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    let output = azud.arg("test").arg(pipeline).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert!(stdout.ends_with("2 passed, 0 failed\n"), "{stdout}");
}
