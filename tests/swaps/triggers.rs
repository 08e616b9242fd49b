//! When a swap happens: with ticks, with nothing to read, and where the run ends first.

use std::fs;
use std::time::Duration;

use crate::bad::MANIFEST;
use crate::components::{bad, good};
use crate::pipeline::Folder;
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
