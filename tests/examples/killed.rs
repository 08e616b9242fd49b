//! Example 05: a pipeline that is killed in the middle, and finished.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::azud;

fn run(folder: &Path) -> Command {
    let mut command = azud("05-killed-and-finished");
    for (variable, name) in [("STATE", "state"), ("OUT", "out"), ("TOTALS", "totals")] {
        command.env(variable, folder.join(name));
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn lines(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let parts = paths.filter(|path| path.is_file());
    parts
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test that waits gives up")]
fn example_05_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (out, totals) = (folder.path().join("out"), folder.path().join("totals"));
    let mut child = run(folder.path()).spawn().unwrap();
    let started = Instant::now();
    while lines(&out).len() < 4_000 {
        assert!(started.elapsed() < Duration::from_secs(30), "no orders");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = lines(&out).len();
    assert!(before < 20_000, "it was not killed in the middle");

    assert!(run(folder.path()).status().unwrap().success());
    let mut ids: Vec<u64> = lines(&out)
        .iter()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            row.get("id").unwrap().as_u64().unwrap()
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..20_000).collect::<Vec<_>>());
    // Each lane's file has a header.
    let mut totals = lines(&totals);
    totals.retain(|line| line != "customer,orders,total");
    let orders = totals
        .iter()
        .filter_map(|line| line.split(',').nth(1)?.parse::<u64>().ok());
    assert_eq!(orders.sum::<u64>(), 20_000, "{totals:?}");
    assert_eq!(totals.len(), 7, "{totals:?}");

    // A third run has nothing to do, and changes nothing.
    assert!(run(folder.path()).status().unwrap().success());
    assert_eq!(lines(&out).len(), 20_000);
}
