//! Example 08: matches at once, what has none once that is certain.

use crate::azud;

#[test]
fn example_08_joins_and_pads() {
    let output = azud("08-join").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let rows = stdout.lines().filter(|line| line.starts_with("| a"));
    let mut rows: Vec<String> = rows.map(|row| row.replace(' ', "")).collect();
    rows.sort();
    let expected = [
        "|a1|home|ada|4|",
        "|a2|home|NULL|NULL|",
        "|a3|news|ada|6|",
        "|a3|news|bob|3|",
        "|a4|home|NULL|NULL|",
        "|a5|news|cleo|2|",
        "|a6|home|NULL|NULL|",
    ];
    assert_eq!(rows, expected, "{stdout}");
}
