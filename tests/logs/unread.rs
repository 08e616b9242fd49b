//! A reader of the log that does not read, or not for a while.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::components::bad;
use crate::lines::{azud, folder, objects};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `prints-lines` writes, each time; both files have a 7.
const LINES: u64 = 2 * 100_000;

/// What is in the way of a flood of lines: nothing but who reads.
fn flooded() -> TempDir {
    let folder = folder(&bad("process", "prints-lines"));
    let manifest = folder.path().join("pipeline.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    let text = text.replace("deadline: 60s", "deadline: 60s, log_rate: 1000000");
    fs::write(&manifest, text).unwrap();
    folder
}

fn start(folder: &TempDir, more: &[&str]) -> Child {
    let mut azud = azud(folder.path(), Some("json"));
    azud.args(["run", "pipeline.yaml"]).args(more);
    azud.stdout(Stdio::null()).stderr(Stdio::piped());
    azud.spawn().unwrap()
}

/// Waits for its end, without reading what it tells.
#[track_caller]
fn ended(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        let hangs = began.elapsed() > PATIENCE;
        if hangs {
            child.kill().unwrap();
        }
        assert!(!hangs, "it does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_row() {
    let folder = flooded();
    let mut child = start(&folder, &[]);
    assert_eq!(ended(&mut child), Some(0));
    // What the pipe took is the beginning of the log, in whole lines but for the last.
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    let (whole, _) = log.rsplit_once('\n').unwrap();
    let lines = objects(whole);
    assert!(lines.len() > 100, "{log}");
    assert_eq!(lines.last().unwrap()["message"], "a line of many");
    assert_eq!(rows(&folder), 40);
}

/// How many rows have come out.
fn rows(folder: &TempDir) -> usize {
    let files = fs::read_dir(folder.path().join("out"))
        .into_iter()
        .flatten();
    let paths = files.map(|file| file.unwrap().path());
    let parts = paths.filter(|path| path.extension().is_some_and(|is| is == "json"));
    let rows = parts.map(|path| fs::read_to_string(path).unwrap().lines().count());
    rows.sum()
}

/// Whoever reads later is told how much of it there was.
#[test]
fn what_nobody_read_is_counted() {
    let folder = flooded();
    let manifest = folder.path().join("pipeline.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replace("trigger: once", "trigger: continuous"),
    )
    .unwrap();
    let mut child = start(&folder, &[]);
    // All rows are there, and most lines are not.
    let began = Instant::now();
    while rows(&folder) < 40 {
        assert!(began.elapsed() < PATIENCE, "a lane waits for the log");
        thread::sleep(Duration::from_millis(5));
    }
    let mut lines = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        let is_count = line.contains("nobody read");
        lines.push(line);
        if is_count {
            // Nothing floods it any more: there is one.
            let id = child.id().to_string();
            let kill = std::process::Command::new("kill")
                .args(["-INT", &id])
                .status();
            assert!(kill.unwrap().success());
        }
    }
    assert_eq!(ended(&mut child), Some(0));
    let lines = objects(&lines.join("\n"));
    let shown = lines
        .iter()
        .filter(|line| line["message"] == "a line of many");
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line["message"].as_str().unwrap().contains("nobody read"))
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    let told = told[0];
    let count = told["left_out"].as_u64().unwrap();
    assert_eq!(shown.count() as u64 + count, LINES);
    let message = format!("{count} lines of the log are left out: nobody read it");
    assert_eq!(told["message"], message);
    assert_eq!(
        (&told["level"], &told["pipeline"]),
        (&Value::from("WARN"), &Value::from("logs"))
    );
    let last = lines.last().unwrap()["message"].as_str().unwrap();
    assert!(last.starts_with("logs has ended: "), "{last}");
}
