//! `azud run --watch`.

use std::thread;
use std::time::Duration;

use crate::bad::MANIFEST;
use crate::components::{bad, good};
use crate::pipeline::Folder;
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
    std::fs::write(folder.path("first.wasm"), &good(3)[..5_000]).unwrap();
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
