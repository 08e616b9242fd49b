//! What swaps and changes of the manifest tell programs.

use serde_json::{Map, Value, json};

use crate::components::{bad, good};
use crate::lines::objects;
use crate::pipeline::Folder;
use crate::plugins::short;

/// Rows with a 7 in every epoch, and a checkpoint.
const MANIFEST: &str = "
name: told
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 250ms }
sources:
  numbers:
    generator:
      rows_per_second: 4000
      columns:
        n: { type: bigint, sequence: true, max: 9 }
        id: { type: bigint, sequence: true }
transforms:
  evil: { from: numbers, plugin: evil }
  all: { sql: SELECT * FROM evil }
sinks:
  out: { from: all, blackhole: {} }
plugins:
  evil: { path: ./first.wasm }
";

/// What a run has told of an event, in its order.
fn told(log: &str, event: &str) -> Vec<Map<String, Value>> {
    let lines = objects(log).into_iter();
    lines
        .filter(|line| line.get("event") == Some(&json!(event)))
        .collect()
}

/// A line but for its pause and reason, which nobody knows before.
fn known(line: &Map<String, Value>) -> Value {
    let mut line = line.clone();
    line.remove("pause_us");
    line.remove("reason");
    Value::Object(line)
}

#[test]
fn a_swap_tells_programs_what_became_of_it() {
    let (first, second, third) = (good(1), good(2), bad("later", "fails"));
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &first);
    let pipeline = folder.run(&[], &[("AZUD_LOG_FORMAT", "json")]);
    pipeline.wait_for("running told");
    assert_eq!(pipeline.reload("evil", &second).code, Some(0));
    assert_eq!(pipeline.reload("evil", &third).code, Some(1));
    pipeline.wait_for_an_epoch();
    let log = pipeline.drain().join("\n");
    let (now, before) = (short(&second), short(&first));

    let began = told(&log, "swap-begins");
    let epoch = &began[0]["epoch"];
    assert!(epoch.is_u64(), "{began:#?}");
    let line = json!({
        "level": "INFO",
        "message": format!("node `evil`: sha256 {now} takes over from {before} with epoch {epoch}"),
        "pipeline": "told",
        "event": "swap-begins",
        "node": "evil",
        "version": now,
        "before": before,
        "epoch": epoch,
    });
    assert_eq!(known(&began[0]), line);

    let stays = told(&log, "swap-stays");
    assert_eq!(stays.len(), 1, "{stays:#?}");
    let pause = &stays[0]["pause_us"];
    assert!(pause.is_u64(), "{stays:#?}");
    let line = json!({
        "level": "INFO",
        "message": format!(
            "node `evil`: epoch {epoch} is recorded, and sha256 {now} stays; lanes were busy with \
             the swap for {pause} us at most"
        ),
        "pipeline": "told",
        "event": "swap-stays",
        "node": "evil",
        "version": now,
        "before": before,
        "epoch": epoch,
    });
    assert_eq!(known(&stays[0]), line);

    let back = told(&log, "swap-taken-back");
    assert_eq!(back.len(), 1, "{back:#?}");
    let reason = back[0]["reason"].as_str().unwrap();
    assert!(reason.contains("bad luck"), "{reason}");
    assert!(back[0]["epoch"].is_u64(), "{back:#?}");
    let bad = short(&third);
    let line = json!({
        "level": "WARN",
        "message": format!("node `evil`: sha256 {bad} is taken back, and {now} goes on: {reason}"),
        "pipeline": "told",
        "event": "swap-taken-back",
        "node": "evil",
        "version": bad,
        "before": now,
        "epoch": back[0]["epoch"],
    });
    assert_eq!(known(&back[0]), line);
}

#[test]
fn a_change_of_the_manifest_tells_programs_what_became_of_it() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    folder.write("bad.wasm", &bad("process", "fails"));
    let pipeline = folder.run(&[], &[("AZUD_LOG_FORMAT", "json")]);
    pipeline.wait_for("running told");
    let apply = |manifest: String| {
        folder.write("changed.yaml", manifest.as_bytes());
        let path = folder.path("changed.yaml");
        pipeline.azud(&["apply", path.to_str().unwrap()])
    };
    let changed = MANIFEST.replace("FROM evil }", "FROM evil WHERE n >= 0 }");
    let asked = apply(changed.clone());
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let asked = apply(changed.replace("first.wasm", "bad.wasm"));
    assert_eq!(asked.code, Some(1), "{}", asked.text);
    pipeline.wait_for_an_epoch();
    let log = pipeline.drain().join("\n");

    let began = told(&log, "change-begins");
    let line = json!({
        "level": "INFO",
        "message": "the manifest changes: `all` changes (sql)",
        "pipeline": "told",
        "event": "change-begins",
    });
    assert_eq!(Value::Object(began[0].clone()), line);
    let stays = told(&log, "change-stays");
    assert_eq!(stays.len(), 1, "{stays:#?}");
    let epoch = &stays[0]["epoch"];
    assert!(epoch.is_u64(), "{stays:#?}");
    let line = json!({
        "level": "INFO",
        "message": format!("epoch {epoch} is recorded, and the changed manifest stays"),
        "pipeline": "told",
        "event": "change-stays",
        "epoch": epoch,
    });
    assert_eq!(Value::Object(stays[0].clone()), line);
    let back = told(&log, "change-taken-back");
    assert_eq!(back.len(), 1, "{back:#?}");
    let reason = back[0]["reason"].as_str().unwrap();
    assert!(reason.contains("bad luck"), "{reason}");
    let line = json!({
        "level": "WARN",
        "message": format!("the change is taken back, and the manifest before goes on: {reason}"),
        "pipeline": "told",
        "event": "change-taken-back",
    });
    assert_eq!(known(&back[0]), line);
}
