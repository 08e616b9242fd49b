//! A guest that loops in every lane: the endpoint answers.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ask::{get, until};
use crate::components::{bad, good};
use crate::pipeline::Folder;
use crate::ready::RUNS;

/// The aim is a tenth of that, on a machine with nothing else to do.
const ANSWERS: Duration = Duration::from_secs(1);

/// A pipeline whose plugin loops in both lanes.
fn looping() -> Folder {
    let manifest = RUNS.replace("first.wasm }", "first.wasm, limits: { deadline: 1h } }");
    let manifest = manifest.replace("rows_per_second: 4000", "rows_per_second: 200000");
    // An epoch that ended for one lane alone would leave the other without rows.
    let manifest = manifest.replace("every: 100ms", "every: 10m");
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &bad("process", "loops"));
    folder
}

#[test]
fn a_loop_in_every_lane_delays_no_answer() {
    let folder = looping();
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    // Both lanes hang: nothing more fits before them, and their batches are under way.
    let full = |lane: &str| {
        let metrics = pipeline.metrics();
        let labels = [("node", "numbers"), ("lane", lane)];
        let waiting = metrics.get("azud_queue_batches", &labels)?;
        let capacity = metrics.get("azud_queue_capacity_batches", &labels)?;
        (waiting >= capacity).then_some(())
    };
    until("both lanes hang", || full("0").and(full("1")));
    let before = pipeline.node("evil");
    let under_way = before["under_way"]["rows_in"].as_u64().unwrap();
    assert!(under_way > 0, "{before}");
    let mut slowest = [("/status", Duration::ZERO); 4];
    slowest[1].0 = "/metrics";
    slowest[2].0 = "/health";
    slowest[3].0 = "/ready";
    for _ in 0..25 {
        for (path, took) in &mut slowest {
            let began = Instant::now();
            let answer = get(&address, path);
            *took = began.elapsed().max(*took);
            assert_eq!(answer.code, 200, "{path}: {}", answer.body);
        }
    }
    println!("slowest of 25 answers, a loop in both lanes: {slowest:?}");
    for (path, took) in slowest {
        assert!(took < ANSWERS, "{path} took {took:?}");
    }
    // It hangs still, and what is shown of it is what it was given.
    let after = pipeline.node("evil");
    // A lane may have come to its first batch only after its queue was full.
    assert!(after["under_way"]["rows_in"].as_u64().unwrap() >= under_way);
    assert_eq!(after["rows_in"], before["rows_in"]);
}

#[test]
fn a_call_that_hangs_is_shown_with_its_time() {
    let folder = looping();
    let pipeline = folder.run(&[], &[]);
    let under_way = || pipeline.node("evil")["calls"]["under_way_seconds"].as_f64();
    let first = until("a call that hangs", || {
        under_way().filter(|for_so_long| *for_so_long > 2.0)
    });
    let shown = pipeline.azud(&["status"]).text;
    let (_, text) = shown
        .split_once(", call for ")
        .unwrap_or_else(|| panic!("{shown}"));
    let (seconds, _) = text.split_once('s').unwrap();
    let seconds: f64 = seconds.parse().unwrap();
    assert!(seconds >= first.floor(), "{seconds} after {first}: {shown}");
    let last = under_way().unwrap();
    assert!(seconds <= last, "{seconds} before {last}: {shown}");
}

#[test]
fn a_node_that_is_not_called_has_no_call_under_way() {
    // Its one lane has calls, and then nothing to do.
    let manifest = RUNS.replace("parallelism: 2", "parallelism: 1");
    let manifest = manifest.replace("      rows_per_second: 4000\n", "      rows: 10\n");
    let manifest = manifest.replace(
        "sinks:\n",
        "sinks:\n  more: { from: silent, blackhole: {} }\n",
    );
    let silent = "  silent: { generator: { rows_per_second: 1, columns: { n: { type: bigint } } } }\ntransforms:\n";
    let folder = Folder::new(&manifest.replace("transforms:\n", silent));
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let node = until("all rows", || {
        let node = pipeline.node("evil");
        (node["rows_in"] == 10).then_some(node)
    });
    assert!(node["calls"]["calls"].as_u64() > Some(0), "{node}");
    assert_eq!(node["calls"]["under_way_seconds"], Value::Null, "{node}");
    let shown = pipeline.azud(&["status"]).text;
    assert!(!shown.contains("call for"), "{shown}");
    pipeline.drain();
}

#[test]
fn a_pipeline_that_drains_is_not_ready() {
    let folder = looping();
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    until("a call", || {
        pipeline.node("evil")["under_way"]["rows_in"]
            .as_u64()
            .filter(|rows| *rows > 0)
    });
    until("ready", || {
        (get(&address, "/ready").code == 200).then_some(())
    });
    let id = pipeline.child.id().to_string();
    let told = Command::new("kill").args(["-s", "TERM", &id]).status();
    assert!(told.unwrap().success());
    // The call that hangs holds up the drain.
    let body = until("not ready", || {
        let ready = get(&address, "/ready");
        (ready.code == 503).then_some(ready.body)
    });
    let ready: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(ready["status"], "not ready");
    let reason = "it drains: it was told to end, and its sources are read no more";
    assert_eq!(ready["reason"], reason);
    assert_eq!(pipeline.status()["not_ready"], reason);
    assert_eq!(pipeline.metrics().get("azud_ready", &[]), Some(0.0));
    assert_eq!(get(&address, "/health").code, 200);
}

#[test]
fn a_plugin_that_fails_is_counted() {
    let manifest = RUNS.replace(
        "  evil: { from: numbers, plugin: evil }\n",
        "  evil: { from: numbers, plugin: evil, on_error: drop }\n",
    );
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let failed = |kind: &str| {
        let labels = [("node", "evil"), ("kind", kind)];
        let metrics = pipeline.metrics();
        metrics.get("azud_plugin_failures_total", &labels).unwrap()
    };
    until("rows", || {
        (pipeline.node("evil")["rows_in"] != 0).then_some(())
    });
    for kind in ["failed", "trapped", "deadline", "limit", "invalid", "other"] {
        assert!(failed(kind) < 0.5, "{kind}");
    }
    drop(pipeline);
    folder.write("first.wasm", &bad("process", "panics"));
    std::fs::remove_dir_all(folder.path("state")).unwrap();
    let pipeline = folder.run(&[], &[]);
    let metrics = until("traps", || {
        let metrics = pipeline.metrics();
        let rejected = metrics.get("azud_node_rejected_rows_total", &[("node", "evil")]);
        (rejected > Some(0.0)).then_some(metrics)
    });
    let labels = [("node", "evil"), ("kind", "trapped")];
    let traps = metrics.get("azud_plugin_failures_total", &labels);
    assert!(traps > Some(0.0), "{traps:?}");
    let node = until("committed rejections", || {
        let node = pipeline.node("evil");
        (node["rejected"].as_u64() > Some(0)).then_some(node)
    });
    // Every tenth row is harmed, and no other.
    assert_eq!(
        node["rows_in"].as_u64(),
        Some(node["rows_out"].as_u64().unwrap() + node["rejected"].as_u64().unwrap())
    );
    assert!(node["calls"]["failures"].as_u64() > Some(0), "{node}");
}
