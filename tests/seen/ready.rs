//! Whether a pipeline reads: `/ready`, and `azud status` until the end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::ask::{get, until};
use crate::components::good;
use crate::pipeline::Folder;

/// A broker that is not there: nobody listens at port 1.
const AWAY: &str = "
name: away
trigger: continuous
sources:
  in: { kafka: { servers: '127.0.0.1:1', topics: none }, format: text }
sinks:
  out: { from: in, blackhole: {} }
";

pub(crate) const RUNS: &str = "
name: runs
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 100ms }
sources:
  numbers:
    generator:
      rows_per_second: 4000
      columns:
        n: { type: bigint, sequence: true, max: 9 }
transforms:
  evil: { from: numbers, plugin: evil }
sinks:
  out: { from: evil, blackhole: {} }
plugins:
  evil: { path: ./first.wasm }
";

#[test]
fn one_that_cannot_open_its_source_lives_and_is_not_ready() {
    let folder = Folder::new(AWAY);
    let pipeline = folder.run(&[], &[("AZUD_ADMIN_TOKEN", "secret")]);
    pipeline.wait_for("trying again");
    let address = pipeline.address();
    let ready = get(&address, "/ready");
    assert_eq!(ready.code, 503, "without a token");
    let ready: Value = serde_json::from_str(&ready.body).unwrap();
    assert_eq!(ready["status"], "not ready");
    let reason = ready["reason"].as_str().unwrap();
    assert!(reason.starts_with("it starts"), "{reason}");
    assert_eq!(get(&address, "/health").code, 200);
    for path in ["/metrics", "/status"] {
        assert_eq!(get(&address, path).code, 401, "{path} wants the token");
    }
}

#[test]
fn what_has_not_begun_is_shown() {
    let folder = Folder::new(AWAY);
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("trying again");
    assert_eq!(pipeline.metrics().get("azud_ready", &[]), Some(0.0));
    let status = pipeline.status();
    assert_eq!(status["name"], "away");
    assert_eq!(status["epoch"], Value::Null);
    let shown = pipeline.azud(&["status"]).text;
    assert!(
        shown.contains("no epoch is committed yet\nnot ready: it starts"),
        "{shown}"
    );
}

#[test]
fn a_status_is_watched_until_the_pipeline_ends() {
    let folder = Folder::new(RUNS);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    until("ready", || {
        (get(&address, "/ready").code == 200).then_some(())
    });
    assert_eq!(pipeline.metrics().get("azud_ready", &[]), Some(1.0));
    let mut watch = Command::new(env!("CARGO_BIN_EXE_azud"))
        .args(["status", "--watch", "--json", "--at", &address])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut seconds = 0.0;
    for _ in 0..3 {
        let line = lines.next().unwrap().unwrap();
        let status: Value = serde_json::from_str(&line).unwrap();
        let now = status["seconds"].as_f64().unwrap();
        assert!(now > seconds, "{now} after {seconds}");
        seconds = now;
    }
    until("a rate", || {
        let rate = pipeline.node("numbers")["rows_per_second"].as_f64();
        (rate > Some(0.0)).then_some(())
    });
    // Below each other, as nobody has a terminal here.
    let mut text = Command::new(env!("CARGO_BIN_EXE_azud"))
        .args(["status", "--watch", "--at", &address])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(text.stdout.take().unwrap()).lines();
    let mut heads = 0;
    while heads < 2 {
        let line = shown.next().unwrap().unwrap();
        assert!(!line.contains('\x1b'), "{line}");
        heads += u32::from(line.starts_with("runs, for "));
    }
    pipeline.drain();
    assert!(watch.wait().unwrap().success());
    drop(shown);
    text.wait().unwrap();
}
