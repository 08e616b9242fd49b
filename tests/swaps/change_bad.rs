//! A plugin that comes with a manifest is on probation as one that is sent: what it fails with is
//! held against the change, not against rows, also where somebody reads those that are rejected.

use std::fs;

use crate::bad::{
    MANIFEST, OF_A_PLUGIN_WITH_STATE, OF_A_SINK, OF_AN_AGGREGATE, with_a_sink, with_an_aggregate,
    with_state,
};
use crate::change::apply;
use crate::components::{bad, built, good};
use crate::pipeline::Folder;
use crate::rows::{assert_exact, by_epoch, versions};

/// Rows that are rejected stop nothing.
fn manifest() -> String {
    MANIFEST.replace(
        "sinks:\n",
        "dead_letters: refused\nsinks:\n  refused: { file: { path: ./refused }, format: json }\n",
    )
}

/// No row of a version that was taken back, none rejected.
fn assert_versions(folder: &Folder, expected: &[&str]) {
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    assert_eq!(versions(&epochs), expected);
    let refused = fs::read_dir(folder.path("refused")).unwrap();
    let names = refused.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let parts: Vec<String> = names.filter(|name| name.starts_with("part-")).collect();
    assert!(parts.is_empty(), "{parts:?}");
}

#[test]
fn a_bad_component_or_config_takes_the_change_back() {
    let manifest = manifest();
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    for (how, told) in [
        ("panics", "trapped"),
        ("loops", "longer than 1s"),
        ("eats-memory", "memory"),
        ("short", "wrong answer"),
    ] {
        folder.write("second.wasm", &bad("process", how));
        let other = manifest.replace("first.wasm", "second.wasm");
        let asked = apply(&pipeline, &folder, &other, &[]);
        assert_eq!(asked.code, Some(1), "{how}: {}", asked.text);
        assert!(asked.text.contains("node `evil`"), "{how}: {}", asked.text);
        assert!(asked.text.contains(told), "{how}: {}", asked.text);
    }
    // One that is harmful only if it is configured so.
    folder.write("second.wasm", &fs::read(built("tests/evil/guest")).unwrap());
    let other = |config: &str| {
        let config = format!("plugin: evil, config: {{ {config} }}");
        let other = manifest.replace("plugin: evil", &config);
        other.replace("first.wasm", "second.wasm")
    };
    let asked = apply(&pipeline, &folder, &other("said: v2"), &[]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let harmful = other("said: v3, where: process, how: panics");
    let asked = apply(&pipeline, &folder, &harmful, &[]);
    assert_eq!(asked.code, Some(1), "{}", asked.text);
    assert!(asked.text.contains("trapped"), "{}", asked.text);
    pipeline.wait_for_an_epoch();
    pipeline.drain();
    assert_versions(&folder, &["v1", "v2"]);
}

/// Each version comes with a manifest, wherever it is bad.
#[track_caller]
fn taken_back(manifest: &str, node: &str, cases: &[(&str, &str)]) {
    let folder = Folder::new(manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running swap");
    let other = manifest.replace("first.wasm", "second.wasm");
    for (place, how) in cases {
        folder.write("second.wasm", &bad(place, how));
        let asked = apply(&pipeline, &folder, &other, &[]);
        let what = format!("{how} in {place}: {}", asked.text);
        assert_eq!(asked.code, Some(1), "{what}");
        // Of an aggregate its name is behind that of its node.
        assert!(asked.text.contains(&format!("node `{node}")), "{what}");
    }
    folder.write("second.wasm", &good(2));
    let asked = apply(&pipeline, &folder, &other, &[]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    pipeline.drain();
}

#[test]
fn so_does_a_bad_sink() {
    taken_back(&with_a_sink(), "out", OF_A_SINK);
}

#[test]
fn so_does_a_bad_aggregate() {
    taken_back(&with_an_aggregate(), "evil", OF_AN_AGGREGATE);
}

#[test]
fn so_does_a_bad_plugin_with_state() {
    taken_back(&with_state(), "evil", OF_A_PLUGIN_WITH_STATE);
}

/// Also if its change was no more than a comment.
#[test]
fn a_version_that_was_taken_back_does_not_come_with_the_manifest() {
    let manifest = manifest();
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&["--watch"], &[]);
    pipeline.wait_for_rows();
    folder.write("first.wasm", &bad("later", "panics"));
    pipeline.wait_for("is taken back, and");
    folder.write("pipeline.yaml", format!("{manifest}# so\n").as_bytes());
    pipeline.wait_for("the change is taken back, and the manifest before goes on");
    pipeline.wait_for_an_epoch();
    pipeline.drain();
    assert_versions(&folder, &["v1"]);
}
