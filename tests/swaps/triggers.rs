//! When a swap happens: with ticks, with nothing to read, and where the run ends first.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use crate::bad::MANIFEST;
use crate::components::{bad, good};
use crate::pipeline::{Folder, Pipeline};
use crate::rows::{assert_exact, by_epoch, versions};

#[test]
fn with_a_tick() {
    let manifest = MANIFEST.replace("trigger: continuous", "trigger: 300ms");
    let manifest = manifest.replace(", every: 250ms", "");
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for_rows();
    for number in 2..5 {
        let asked = pipeline.reload("evil", &good(number));
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        let asked = pipeline.reload("evil", &bad("later", "panics"));
        assert_eq!(asked.code, Some(1), "{}", asked.text);
    }
    // A stop while an epoch is about to be computed again leaves that to the next run.
    pipeline.wait_for_an_epoch();
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    assert_eq!(versions(&epochs), ["v1", "v2", "v3", "v4"]);
}

/// Nobody waits for rows that do not come.
#[test]
fn with_nothing_to_read() {
    let start = MANIFEST.find("    generator:").unwrap();
    let end = MANIFEST.find("transforms:").unwrap();
    let file = "    file: { path: ./in, settle: 0s }\n    format: json\n    schema: { n: bigint, id: bigint }\n";
    let manifest = [&MANIFEST[..start], file, &MANIFEST[end..]].concat();
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    fs::create_dir(folder.path("in")).unwrap();
    let pipeline = folder.run(&[], &[]);
    pipeline.wait_for("running swap");
    for number in 2..5 {
        let asked = pipeline.reload("evil", &good(number));
        assert_eq!(asked.code, Some(0), "{}", asked.text);
        assert!(asked.took < Duration::from_secs(20), "{:?}", asked.took);
    }
    fs::write(folder.path("in/rows.json"), "{\"n\":1,\"id\":0}\n").unwrap();
    pipeline.wait_for_rows();
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_eq!(assert_exact(&epochs), 1);
    assert_eq!(versions(&epochs), ["v4"]);
}

/// Whoever asked is told.
#[test]
fn where_the_run_ends_first() {
    let manifest = MANIFEST.replace("trigger: continuous", "trigger: once");
    let manifest = manifest.replace(
        "rows_per_second: 4000",
        "rows_per_second: 4000\n      rows: 8000",
    );
    let manifest = manifest.replace(", every: 250ms", "");
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    pipeline.address();
    let asked = pipeline.reload("evil", &good(2));
    assert_eq!(asked.code, Some(1), "{}", asked.text);
    assert!(asked.text.contains("does not run"), "{}", asked.text);
    pipeline.ended(Some(0));
    let epochs = by_epoch(&folder.path("out"));
    assert_eq!(assert_exact(&epochs), 8_000);
    assert_eq!(versions(&epochs), ["v1"]);
}

/// Starts a command of the pipeline's endpoint, and waits until it says that it waits.
fn waits(pipeline: &Pipeline<'_>, arguments: &[&str]) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
    command.args(arguments).args(["--at", &pipeline.address()]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(
        lines.next().unwrap().unwrap(),
        "still waiting: it takes over between two epochs, and is on probation until the first of \
         its own is recorded (with an interval as trigger: each with a tick); it goes on if this \
         command is ended"
    );
    (child, lines)
}

/// Whoever waits for a tick is told, and others are told of whoever waits.
#[test]
fn where_no_epoch_ends_for_long() {
    let manifest = MANIFEST.replace("trigger: continuous", "trigger: 1h");
    let manifest = manifest.replace(", every: 250ms", "");
    let folder = Folder::new(&manifest);
    folder.write("first.wasm", &good(1));
    folder.write("second.wasm", &good(2));
    let changed = manifest.replace("max: 9", "max: 8");
    folder.write("changed.yaml", changed.as_bytes());
    let (second, changed) = (folder.path("second.wasm"), folder.path("changed.yaml"));
    let reload = ["reload", "evil", second.to_str().unwrap()];
    let apply = ["apply", changed.to_str().unwrap()];
    for (first, what) in [
        (&reload[..], "a reload of `evil`"),
        (&apply[..], "a change of the manifest"),
    ] {
        let pipeline = folder.run(&[], &[]);
        pipeline.wait_for("running swap");
        let (mut child, lines) = waits(&pipeline, first);
        let asked = pipeline.reload("evil", &good(3));
        let busy = format!(
            "error: another reload or change is under way ({what}): ask again when it has ended\n"
        );
        assert_eq!((asked.code, asked.text), (Some(2), busy));
        let asked = pipeline.azud(&["apply", changed.to_str().unwrap()]);
        assert_eq!(asked.code, Some(2), "{}", asked.text);
        assert!(asked.text.contains("is under way"), "{}", asked.text);
        assert!(child.try_wait().unwrap().is_none(), "it waits still");
        pipeline.drain();
        child.wait().unwrap();
        let rest: Vec<_> = lines.map(Result::unwrap).collect();
        assert!(rest.len() <= 1, "told once: {rest:?}");
    }
}
