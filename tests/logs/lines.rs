//! A pipeline that ends by itself, and what it has told.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};
use tempfile::TempDir;

/// Reads twenty numbers from each of two files, in two lanes.
const MANIFEST: &str = "
name: logs
trigger: once
parallelism: 2
sources:
  numbers: { file: { path: ./in }, format: json, schema: { n: bigint, at: bigint } }
transforms:
  evil: { from: numbers, plugin: evil }
sinks:
  out: { from: evil, file: { path: ./out }, format: json }
plugins:
  evil: { path: ./evil.wasm, limits: { deadline: 60s } }
";

/// What became of a run.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    pub(crate) folder: TempDir,
}

/// A folder with the pipeline; its plugin is this component.
pub(crate) fn folder(component: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("pipeline.yaml"), MANIFEST).unwrap();
    fs::write(at("evil.wasm"), component).unwrap();
    fs::create_dir(at("in")).unwrap();
    let rows: String = (0..20)
        .map(|n| format!("{{\"n\":{n},\"at\":{n}}}\n"))
        .collect();
    for file in ["in/a.json", "in/b.json"] {
        fs::write(at(file), &rows).unwrap();
    }
    folder
}

/// Runs it; `format` is what the environment says, which has nothing else about it.
pub(crate) fn run(folder: TempDir, format: Option<&str>, more: &[&str]) -> Ended {
    let mut azud = azud(folder.path(), format);
    let output = azud
        .args(["run", "pipeline.yaml"])
        .args(more)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        folder,
    }
}

/// A command in that folder.
pub(crate) fn azud(folder: &Path, format: Option<&str>) -> Command {
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    azud.current_dir(folder).env("NO_COLOR", "1");
    match format {
        Some(format) => azud.env("AZUD_LOG_FORMAT", format),
        None => azud.env_remove("AZUD_LOG_FORMAT"),
    };
    azud
}

/// The lines of a log in JSON, each held against what every line has. What is an object, and is
/// without `timestamp`.
#[track_caller]
pub(crate) fn objects(log: &str) -> Vec<Map<String, Value>> {
    let acts = |c: char| azud_sandbox::is_hidden(c) && c != '\n';
    assert!(!log.contains(acts), "{log:?}");
    log.lines().map(|line| object(line)).collect()
}

#[track_caller]
fn object(line: &str) -> Map<String, Value> {
    let mut object: Map<String, Value> = serde_json::from_str(line).unwrap();
    let keys: Vec<&str> = object.keys().map(String::as_str).take(3).collect();
    assert_eq!(keys, ["timestamp", "level", "message"], "{line}");
    let time = object.remove("timestamp").unwrap();
    assert_time(time.as_str().unwrap());
    let level = object["level"].as_str().unwrap();
    assert!(
        ["DEBUG", "INFO", "WARN", "ERROR"].contains(&level),
        "{line}"
    );
    assert!(object["message"].is_string(), "{line}");
    object
}

/// RFC 3339 with microseconds, UTC: `2026-07-01T10:00:00.000000Z`.
#[track_caller]
fn assert_time(time: &str) {
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{time}");
}
