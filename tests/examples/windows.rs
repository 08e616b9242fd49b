//! Example 06: windows close once, and what is late is told.

use std::collections::BTreeSet;

use crate::azud;

#[test]
fn example_06_closes_windows_and_shows_what_is_late() {
    let output = azud("06-windows").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let rows = stdout.lines().filter(|line| line.starts_with("|2026"));
    let rows: Vec<String> = rows.map(|row| row.replace(' ', "")).collect();
    // 14 comes after its window, and 15 in the last moment.
    let expected = [
        "|2026-01-0100:00:00|2026-01-0100:00:10|ann|60|",
        "|2026-01-0100:00:00|2026-01-0100:00:10|bob|60|",
        "|2026-01-0100:00:10|2026-01-0100:00:20|ann|195|",
        "|2026-01-0100:00:10|2026-01-0100:00:20|bob|150|",
        "|2026-01-0100:00:20|2026-01-0100:00:30|ann|24|",
        "|2026-01-0100:00:20|2026-01-0100:00:30|bob|12|",
    ];
    assert_eq!(rows.len(), expected.len(), "{stdout}");
    let rows: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(rows, BTreeSet::from(expected), "{stdout}");
    let late: Vec<&str> = stdout
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    assert_eq!(
        late,
        [r#"{"user":"bob","amount":14,"ts":"2026-01-01T00:00:02Z"}"#],
        "{stdout}"
    );
}

#[test]
fn example_06_passes_its_own_tests() {
    let pipeline = crate::root().join("examples/06-windows/pipeline.yaml");
    let mut azud = std::process::Command::new(env!("CARGO_BIN_EXE_azud"));
    let output = azud.arg("test").arg(pipeline).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        stdout,
        "ok five seconds late is in time, across a restart too\n1 passed, 0 failed\n"
    );
}
