//! How long a tap goes on: through everything that its node outlives.

use crate::MANIFEST;
use crate::client::{Tap, until};
use crate::components::good;
use crate::pipeline::Folder;

#[test]
fn a_tap_goes_on_with_another_version_and_ends_with_the_pipeline() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let tap = Tap::start(&pipeline.address(), &["out"]);
    tap.wait_for("said=v1");
    let asked = pipeline.reload("evil", &good(2));
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    tap.wait_for("said=v2");
    pipeline.drain();
    let shown = tap.ended();
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let (rows, passed) = shown.counts();
    assert_eq!(rows, shown.rows.len() as u64);
    assert!(passed >= rows, "{}", shown.stderr);
    let mut lines = shown.stderr.lines();
    assert_eq!(
        lines.next(),
        Some("rows of out, at most 10 a second; Ctrl-C ends it")
    );
    assert!(lines.next().unwrap().ends_with(": the pipeline has ended"));
}

#[test]
fn a_tap_goes_on_with_another_manifest_unless_its_node_is_gone() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let (stays, goes) = (
        Tap::start(&address, &["out"]),
        Tap::start(&address, &["large"]),
    );
    stays.wait_for("said=v1");
    goes.wait_for("said=v1");
    let changed = MANIFEST
        .replace("large", "small")
        .replace("said FROM", "'small' AS said FROM");
    folder.write("changed.yaml", changed.as_bytes());
    let path = folder.path("changed.yaml");
    let asked = pipeline.azud(&["apply", path.to_str().unwrap()]);
    assert_eq!(asked.code, Some(0), "{}", asked.text);
    let shown = goes.ended();
    assert_eq!(shown.code, Some(0));
    let why = ": the pipeline has no node `large` any more\n";
    assert!(shown.stderr.ends_with(why), "{}", shown.stderr);
    stays.wait_for("said=small");
    pipeline.drain();
    assert_eq!(stays.ended().code, Some(0));
}

#[test]
fn ctrl_c_ends_a_tap_and_it_tells_what_it_has_shown() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let tap = Tap::start(&pipeline.address(), &["numbers"]);
    until("rows", || tap.rows().len() > 2);
    tap.interrupt();
    let shown = tap.ended();
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let (rows, passed) = shown.counts();
    assert!(
        rows >= shown.rows.len() as u64 && passed >= rows,
        "{}",
        shown.stderr
    );
    pipeline.drain();
}

/// Without `--listen` nobody answers; a pipeline that is gone is a failure of the command.
#[test]
fn a_pipeline_that_is_killed_is_told() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    let tap = Tap::start(&address, &["numbers"]);
    until("rows", || !tap.rows().is_empty());
    drop(pipeline);
    let shown = tap.ended();
    assert_eq!(shown.code, Some(1));
    let last = shown.stderr.lines().last().unwrap();
    let begins = format!("error: the pipeline at {address} has gone: ");
    assert!(last.starts_with(&begins), "{last}");
}
