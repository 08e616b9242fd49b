//! Example 09: the same rows as a batch and as a stream, others through another version.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::azud;

fn kappa(out: &Path) -> Command {
    let mut azud = azud("09-kappa");
    azud.env("OUT", out);
    azud
}

fn rows(out: &Path) -> Vec<String> {
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(out).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            rows.extend(text.lines().map(str::to_owned));
        }
    }
    rows.sort();
    rows
}

#[test]
fn example_09_gives_the_same_as_a_batch_and_as_a_stream() {
    let folder = tempfile::tempdir().unwrap();
    let [batch, live, again] = ["batch", "live", "again"].map(|name| folder.path().join(name));
    let run = |mut azud: Command| {
        let output = azud.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    };
    run(kappa(&batch));
    let expected = rows(&batch);
    assert!(expected.len() > 6, "{expected:?}");

    let mut stream = kappa(&live).env("TRIGGER", "100ms").spawn().unwrap();
    for _ in 0..6_000 {
        if rows(&live).len() >= expected.len() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = Command::new("kill").arg(stream.id().to_string()).status();
    assert!(stream.wait().unwrap().success());
    assert_eq!(rows(&live), expected);

    let mut second = kappa(&again);
    second.env("CLASSIFY", "./classify-v2");
    run(second);
    let found = rows(&again);
    assert!(found.iter().any(|row| row.contains("medium")), "{found:?}");
    let totals = |rows: &[String]| -> i64 {
        let total = |row: &String| {
            let (_, total) = row.split_once("\"total\":").unwrap();
            total.trim_end_matches('}').parse::<i64>().unwrap()
        };
        rows.iter().map(total).sum()
    };
    assert_eq!(totals(&found), totals(&expected));
}
