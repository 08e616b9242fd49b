//! Example 10: a plugin with state and timers.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{azud, root};

#[test]
fn example_10_tells_of_baskets_that_nobody_paid_for() {
    let output = azud("10-keyed-plugin").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let basket = |user: &str, basket: &str, became: &str, at: &str| {
        format!(
            "{{\"user\":\"{user}\",\"basket\":\"{basket}\",\"became\":\"{became}\",\"ts\":\"2026-01-01T10:0{at}Z\"}}"
        )
    };
    let minute = |minute: u8, became: &str| {
        format!(
            "{{\"start\":\"2026-01-01T10:0{minute}:00Z\",\"became\":\"{became}\",\"baskets\":1}}"
        )
    };
    let expected = BTreeSet::from([
        basket("ann", "2 tea", "paid", "0:40"),
        basket("bob", "1 cup, 1 rum", "abandoned", "1:30"),
        basket("cid", "1 cup", "paid", "1:45"),
        basket("bob", "1 tea", "paid", "2:30"),
        basket("ann", "1 cup", "abandoned", "2:40"),
        basket("dan", "1 tea", "abandoned", "3:50"),
        minute(0, "paid"),
        minute(1, "abandoned"),
        minute(1, "paid"),
        minute(2, "paid"),
        minute(2, "abandoned"),
        minute(3, "abandoned"),
        // Late: of that basket nobody would have known any more.
        r#"{"user":"dan","what":"add","item":"rum","ts":"2026-01-01T10:00:05Z"}"#.to_owned(),
    ]);
    let lines: BTreeSet<String> = stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines, expected, "{stdout}");
    assert_eq!(stdout.lines().count(), expected.len(), "{stdout}");
}

#[test]
fn example_10_passes_its_own_tests() {
    let pipeline = root().join("examples/10-keyed-plugin/pipeline.yaml");
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    let output = azud.arg("test").arg(pipeline).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert!(stdout.ends_with("1 passed, 0 failed\n"), "{stdout}");
}
