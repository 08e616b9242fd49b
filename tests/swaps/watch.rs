//! `azud run --watch`.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::bad::MANIFEST;
use crate::components::{bad, good};
use crate::pipeline::{Folder, Pipeline};
use crate::rows::{assert_exact, by_epoch, versions};

#[test]
fn a_component_that_changes_takes_over() {
    let folder = Folder::new(MANIFEST);
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&["--watch"], &[]);
    pipeline.wait_for_rows();
    folder.write("first.wasm", &good(2));
    pipeline.wait_for("is recorded, and");
    // As an editor or a copy leaves it in between.
    fs::write(folder.path("first.wasm"), &good(3)[..5_000]).unwrap();
    pipeline.wait_for("WARN plugin `evil`");
    folder.write("first.wasm", &bad("process", "fails"));
    pipeline.wait_for("is taken back, and");
    thread::sleep(Duration::from_millis(300));
    folder.write("first.wasm", &good(4));
    let digest = azud_sandbox::digest(&good(4));
    pipeline.wait_for(&format!("is recorded, and sha256 {}", &digest[..12]));
    pipeline.drain();
    let epochs = by_epoch(&folder.path("out"));
    assert_exact(&epochs);
    assert_eq!(versions(&epochs), ["v1", "v2", "v4"]);
}

/// `azud` builds one of the plugins, the other one is to see that a change was dealt with.
const BUILT: &str = "
name: swap
trigger: continuous
checkpoint: { to: ./state, every: 250ms }
sources:
  numbers:
    generator:
      rows_per_second: 400
      columns:
        n: { type: bigint, sequence: true, max: 9 }
        id: { type: bigint, sequence: true }
transforms:
  evil: { from: numbers, plugin: built }
  other: { from: numbers, plugin: probe }
sinks:
  out: { from: evil, file: { path: ./out }, format: json }
  others: { from: other, file: { path: ./others }, format: json }
plugins:
  built: { source: ./built }
  probe: { path: ./first.wasm }
";

/// The source of a version, in a folder of its own.
fn write_source(folder: &Folder, version: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().unwrap();
    let guest = root.join("tests/evil/guest");
    fs::create_dir_all(folder.path("built/src")).unwrap();
    for name in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(guest.join(name), folder.path("built").join(name)).unwrap();
    }
    for entry in guest.join("src").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("../../../wit", root.join("wit").to_str().unwrap());
        let config = format!(r#"{{\"said\":\"{version}\"}}"#);
        let place = format!("azud-evil-version:{}", " ".repeat(config.len() - 4));
        let text = text.replace(&place, &format!("azud-evil-version:{config}"));
        let to = folder.path("built/src").join(path.file_name().unwrap());
        fs::write(to, text).unwrap();
    }
}

fn count(pipeline: &Pipeline<'_>, text: &str) -> usize {
    let told = pipeline.told();
    told.iter().filter(|line| line.contains(text)).count()
}

#[test]
fn a_source_that_does_not_build_is_built_and_told_once_a_save() {
    let folder = Folder::new(BUILT);
    write_source(&folder, "v1");
    folder.write("first.wasm", &good(1));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let target = target.to_str().unwrap();
    let pipeline = folder.run(&["--watch"], &[("AZUD_TARGET_DIR", target)]);
    pipeline.wait_for_rows();
    // After the second one the first is done with, and whatever came with it.
    let mut number = 1;
    let mut settles = || {
        for _ in 0..2 {
            number += 1;
            folder.write("err.log", b"whatever is beside the manifest");
            folder.write("first.wasm", &good(number));
            let digest = azud_sandbox::digest(&good(number));
            pipeline.wait_for(&format!("is recorded, and sha256 {}", &digest[..12]));
        }
    };
    let fails = "WARN plugin `built`";
    for (saves, text) in [(1, "fn"), (2, "fn main(")] {
        fs::write(folder.path("built/src/harm.rs"), text).unwrap();
        while count(&pipeline, fails) < saves {
            thread::sleep(Duration::from_millis(5));
        }
        settles();
        assert_eq!(count(&pipeline, fails), saves, "{:#?}", pipeline.told());
    }
    fs::remove_file(folder.path("built/Cargo.toml")).unwrap();
    fs::remove_file(folder.path("pipeline.yaml")).unwrap();
    pipeline.wait_for("has no Cargo.toml");
    pipeline.wait_for("pipeline.yaml: cannot read");
    settles();
    assert_eq!(count(&pipeline, fails), 3, "{:#?}", pipeline.told());
    assert_eq!(count(&pipeline, "pipeline.yaml: cannot read"), 1);
    folder.write("pipeline.yaml", BUILT.as_bytes());
    write_source(&folder, "v2");
    pipeline.wait_for("node `evil`: epoch");
    settles();
    assert_eq!(count(&pipeline, fails), 3, "{:#?}", pipeline.told());
    let told = pipeline.drain();
    assert!(
        versions(&by_epoch(&folder.path("out"))).contains(&"v2".to_owned()),
        "{told:#?}"
    );
}
