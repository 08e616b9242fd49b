//! Example 16: a plugin and a manifest that change while data flows.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::root;

#[test]
fn example_16_changes_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // Free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let output = Command::new("bash")
        .arg(root().join("examples/16-changed-while-it-runs/walk"))
        .env("AZUD", env!("CARGO_BIN_EXE_azud"))
        .env("AZUD_TARGET_DIR", target)
        .env("AT", free.unwrap().to_string())
        .env("OUT", &out)
        .env("STATE", folder.path().join("state"))
        .output()
        .unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{stdout}\n{stderr}");
    for told in [
        "rows differ",
        "prices runs what ran beside it from epoch",
        "`large` is added",
        "`large` is removed",
    ] {
        assert!(
            stdout.contains(told) || stderr.contains(told),
            "no {told}:\n{stdout}\n{stderr}"
        );
    }
    // Every order once, with the price of one version or the other; both were at work.
    let (mut ids, mut truncated, mut rounded) = (BTreeSet::new(), 0, 0);
    for entry in std::fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let of = |name: &str| row.get(name).and_then(Value::as_i64).unwrap();
            let (cents, items) = (of("amount") * 100, of("items"));
            assert!(ids.insert(of("id")), "twice: {row}");
            let (down, nearest) = (cents / items, (cents + items / 2) / items);
            match of("cents") {
                both if both == down && both == nearest => {}
                price if price == down => truncated += 1,
                price if price == nearest => rounded += 1,
                _ => panic!("nobody's price: {row}"),
            }
        }
    }
    assert!(truncated > 0 && rounded > 0, "{truncated}, {rounded}");
}

#[test]
fn example_16_passes_its_own_tests() {
    let pipeline = root().join("examples/16-changed-while-it-runs/pipeline.yaml");
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    let output = azud.arg("test").arg(pipeline).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert!(stdout.ends_with("1 passed, 0 failed\n"), "{stdout}");
}
