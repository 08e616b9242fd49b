//! A plugin that logs in a loop: most of it is left out, and all of that is counted.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::components::bad;
use crate::lines::{folder, objects, run};
use crate::pipeline::Folder;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `prints-lines` writes, each time.
const LINES: u64 = 100_000;

#[test]
fn of_a_flood_every_line_is_shown_or_counted() {
    let component = bad("process", "prints-lines");
    let began = Instant::now();
    let ended = run(folder(&component), Some("json"), &[]);
    let seconds = began.elapsed().as_secs() + 1;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines = objects(&ended.stderr);
    let of_node = || {
        lines
            .iter()
            .filter(|line| line.get("node") == Some(&json!("evil")))
    };
    let shown = of_node().filter(|line| line["message"] == "a line of many");
    let shown = shown.count() as u64;
    let told: Vec<_> = of_node()
        .filter(|line| line.contains_key("left_out"))
        .collect();
    let left_out: u64 = told
        .iter()
        .filter_map(|line| line["left_out"].as_u64())
        .sum();
    // Both files have a 7, and both lanes write into one log.
    assert_eq!(shown + left_out, 2 * LINES);
    assert_eq!(shown as usize + told.len(), of_node().count());
    assert!(
        (200..=200 + 100 * seconds).contains(&shown),
        "{shown} in {seconds} s"
    );
    // With a line that passes, or once a second; and at the end.
    assert!(told.len() as u64 <= 2 * seconds + 2, "{told:#?}");
    for line in told {
        let count = line["left_out"].as_u64().unwrap();
        let lines = if count == 1 { "line" } else { "lines" };
        let expected = json!({
            "level": "WARN",
            "message": format!("{count} {lines} left out: at most 100 a second (limits: log_rate)"),
            "pipeline": "logs",
            "node": "evil",
            "left_out": count,
        });
        assert_eq!(Some(line), expected.as_object());
    }
}

/// A pipeline that reads one file and then waits for others.
const IDLE: &str = "
name: idle
trigger: continuous
parallelism: 1
sources:
  numbers: { file: { path: ./in }, format: json, schema: { n: bigint, at: bigint } }
transforms:
  evil: { from: numbers, plugin: evil }
sinks:
  out: { from: evil, blackhole: {} }
plugins:
  evil: { path: ./evil.wasm, limits: { deadline: 60s, log_rate: 5 } }
";

#[test]
fn what_is_left_out_is_told_though_no_line_follows() {
    let idle = Folder::new(IDLE);
    fs::create_dir(idle.path("in")).unwrap();
    idle.write("in/a.json", b"{\"n\":7,\"at\":7}\n");
    idle.write("evil.wasm", &bad("process", "prints-lines"));
    let pipeline = idle.run(&[], &[("AZUD_LOG_FORMAT", "json")]);
    // It runs on, and nothing else makes it tell.
    let began = Instant::now();
    let before = loop {
        let (shown, left_out) = count(&pipeline.told());
        if shown + left_out == LINES {
            break (shown, left_out);
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{shown} shown, {left_out} left out"
        );
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(count(&pipeline.drain()), before);
}

/// Lines of the flood, and those that were left out.
fn count(told: &[String]) -> (u64, u64) {
    let lines = told.iter().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let shown = lines
        .iter()
        .filter(|line| line["message"] == "a line of many");
    let left_out = lines.iter().filter_map(|line| line["left_out"].as_u64());
    (shown.count() as u64, left_out.sum())
}
