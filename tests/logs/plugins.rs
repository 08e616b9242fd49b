//! What plugins log: whose it is, in which version, and that it cannot be taken for anything else.

use serde_json::{Map, Value, json};

use crate::components::{bad, version};
use crate::lines::{folder, objects, run};
use crate::pipeline::Folder;

/// A component that logs with every call that has a 7.
fn logging(number: u32) -> Vec<u8> {
    let config = r#"{"said":"v1","where":"process","how":"see-randomness"}"#;
    version(&config.replace("v1", &format!("v{number}")))
}

pub(crate) fn short(component: &[u8]) -> String {
    azud_sandbox::digest(component)[..12].to_owned()
}

fn is_of_plugin(line: &&Map<String, Value>) -> bool {
    line.contains_key("node")
}

#[test]
fn a_plugins_lines_have_its_pipeline_node_and_version() {
    let component = bad("process", "logs-controls");
    let line = |level: &str, message: &str| {
        json!({
            "level": level,
            "message": message,
            "pipeline": "logs",
            "node": "evil",
            "version": short(&component),
        })
    };
    // 4 KiB hold so many escapes of six characters.
    let cut = format!("{}...", "\\u{1b}".repeat(682));
    let expected = [
        line(
            "INFO",
            "one\\n INFO two\\r\\u{1b}[2J\\u{7}\\u{9b}31m\\u{202e}three\\u{2028}\\u{0}",
        ),
        line("INFO", "four\\u{1b}]0;title\\u{7}"),
        line("ERROR", &cut),
    ];
    let ended = run(folder(&component), Some("json"), &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines = objects(&ended.stderr);
    let lines: Vec<_> = lines.iter().filter(is_of_plugin).collect();
    // Both files have a 7.
    assert_eq!(lines.len(), 6, "{lines:#?}");
    for expected in &expected {
        let same = lines
            .iter()
            .filter(|line| Some(**line) == expected.as_object());
        assert_eq!(same.count(), 2, "{expected}\n{lines:#?}");
    }
    // As text: the name of the node, and the same.
    let ended = run(folder(&component), Some("text"), &[]);
    for expected in &expected {
        let text = |key: &str| expected[key].as_str().unwrap();
        let line = format!("\n{:>5} evil: {}\n", text("level"), text("message"));
        let stderr = format!("\n{}", ended.stderr);
        assert!(stderr.contains(&line), "{line}{stderr}");
    }
}

/// Rows in two lanes, in each of which every batch has a 7.
const MANIFEST: &str = "
name: swap
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 100ms }
sources:
  numbers:
    generator:
      rows_per_second: 1000
      columns:
        n: { type: bigint, sequence: true, max: 9 }
        id: { type: bigint, sequence: true }
transforms:
  evil: { from: numbers, plugin: evil }
sinks:
  out: { from: evil, blackhole: {} }
plugins:
  evil: { path: ./first.wasm }
";

#[test]
fn the_version_is_that_of_the_component_that_wrote_the_line() {
    let (first, second) = (logging(1), logging(2));
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &first);
    let pipeline = folder.run(&[], &[("AZUD_LOG_FORMAT", "json")]);
    let of = |version: &str| format!(r#""node":"evil","version":"{version}"}}"#);
    pipeline.wait_for(&of(&short(&first)));
    let asked = pipeline.reload("evil", &second);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.wait_for(&of(&short(&second)));
    let told = pipeline.drain().join("\n");
    let lines = objects(&told);
    let lines = lines.iter().filter(is_of_plugin);
    let versions: Vec<&Value> = lines.filter_map(|line| line.get("version")).collect();
    assert_eq!(versions.first(), Some(&&json!(short(&first))));
    assert_eq!(versions.last(), Some(&&json!(short(&second))));
    let known = [json!(short(&first)), json!(short(&second))];
    assert!(
        versions.iter().all(|version| known.contains(version)),
        "{versions:?}"
    );
}
