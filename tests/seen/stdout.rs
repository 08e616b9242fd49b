//! Commands whose output cannot be written: to a full disk, or to a reader that has gone away.

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Output, Stdio};

use crate::components::good;
use crate::pipeline::Folder;
use crate::ready::RUNS;

const FULL: &str =
    "error: cannot write to the standard output: No space left on device (os error 28)";

/// A disk that is full.
fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

fn azud(arguments: &[&str], stdout: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
    command.args(arguments).stdout(stdout);
    command.output().unwrap()
}

/// A manifest with `tests`, and dead letters.
const REJECTS: &str = "
name: rejects
trigger: once
checkpoint: { to: ./kept }
dead_letters: rejects
sources:
  numbers: { file: { path: ./numbers.json }, format: json, schema: { n: bigint } }
transforms:
  divided: { sql: \"SELECT n, 14 / n AS q FROM numbers\" }
  counts: { sql: \"SELECT count(*) AS rows FROM divided\" }
sinks:
  out: { from: divided, file: { path: ./out }, format: json }
  counted: { from: counts, file: { path: ./counted, layout: batches }, format: json, mode: complete }
  rejects: { file: { path: ./rejects }, format: json }
tests:
  - { name: halves, input: { numbers: [{ n: 7 }] }, expect: { divided: [{ n: 7, q: 2.0 }] } }
";

#[test]
fn what_cannot_be_printed_is_told_and_a_closed_pipe_is_not() {
    let folder = Folder::new(RUNS);
    folder.write("first.wasm", &good(1));
    folder.write("numbers.json", b"{\"n\":7}\n{\"n\":0}\n");
    folder.write("rejects.yaml", REJECTS.as_bytes());
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let (manifest, rejects, component) = (
        path("pipeline.yaml"),
        path("rejects.yaml"),
        path("first.wasm"),
    );
    let ended = azud(&["run", &rejects], Stdio::null());
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let kept = path("kept");
    let pipeline = folder.run(&[], &[]);
    let address = pipeline.address();
    pipeline.wait_for("running runs");
    let of: &[&[&str]] = &[
        &["status", "--at", &address],
        &["status", "--json", "--at", &address],
        &["status", "--watch", "--at", &address],
        &["status", "--watch", "--json", "--at", &address],
        &["tap", "numbers", "--at", &address],
        &["tap", "numbers", "--json", "--at", &address],
        &["apply", &manifest, "--at", &address],
        &["apply", &manifest, "--json", "--at", &address],
        &["reload", "evil", &component, "--at", &address],
        &["reload", "evil", &component, "--json", "--at", &address],
        &["plan", &manifest, "--against", &address],
        &["plan", &manifest, "--against", &address, "--json"],
        &["plan", &rejects],
        &["plan", &rejects, "--json"],
        &["plan", &rejects, "--against", &kept],
        &["check", &rejects],
        &["check", &rejects, "--json"],
        &["check", &rejects, "--schema"],
        &["schema"],
        &["test", &rejects],
        &["test", &rejects, "--json"],
        &["inspect", &component],
        &["inspect", &component, "--json"],
        &["state", "ls", &kept],
        &["state", "ls", &kept, "--json"],
        &["state", "show", &kept, "counts"],
        &["why", &rejects, "counts"],
        &["why", &rejects, "counts", "--json"],
        &["dead-letters", "ls", &rejects],
        &["dead-letters", "ls", &rejects, "--json"],
        &["dead-letters", "show", &rejects],
        &["dead-letters", "show", &rejects, "--json"],
        &["dead-letters", "replay", &rejects, "--dry-run"],
        &["dead-letters", "replay", &rejects, "--dry-run", "--json"],
    ];
    for arguments in of {
        let ended = azud(arguments, full());
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.trim_end().ends_with(FULL), "{arguments:?}: {told}");
        let ended = azud(arguments, closed());
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {told}");
        assert!(!told.contains("error"), "{arguments:?}: {told}");
    }
    pipeline.drain();
    // Its reports; what it computes is committed all the same.
    for (number, (stdout, code)) in [(full(), 1), (closed(), 0)].into_iter().enumerate() {
        let manifest = RUNS.replace("./state", &format!("./again{number}"));
        folder.write("again.yaml", manifest.as_bytes());
        let ended = azud(&["run", &path("again.yaml"), "--json"], stdout);
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{told}");
        assert_eq!(told.trim_end().ends_with(FULL), code == 1, "{told}");
    }
}
