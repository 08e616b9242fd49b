use std::fs;
use std::path::{Path, PathBuf};

use super::Failed;

/// A manifest's folder and that of a source beside it, or around it.
struct Bench {
    folder: tempfile::TempDir,
    manifest: &'static str,
    failed: Failed,
}

impl Bench {
    fn new(manifest: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self {
            folder,
            manifest,
            failed: Failed::default(),
        };
        bench.write("aud/src/lib.rs", "fn");
        bench.write("aud/Cargo.toml", "[package]");
        fs::create_dir_all(bench.path(manifest)).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A text of another length is another one, whatever the clock of the disk.
    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Whether it is tried.
    fn fails(&mut self, building: impl FnOnce(&Path)) -> bool {
        let folder = self.path("aud");
        let build = || {
            building(&folder);
            Err::<(), ()>(())
        };
        let beside = self.folder.path().join(self.manifest);
        self.failed.build(&folder, &beside, build).is_some()
    }
}

#[test]
fn what_failed_is_tried_again_once_a_file_of_it_is_another_one() {
    let mut bench = Bench::new("pipe");
    assert!(bench.fails(|_| {}));
    assert!(!bench.fails(|_| {}));
    for (name, text) in [
        ("pipe/err.log", "error"),
        ("aud/target/azud/aud.wasm.lock", "."),
        ("aud/.git/index", "."),
        ("aud/src/.lib.rs.swp", "."),
    ] {
        bench.write(name, text);
        assert!(!bench.fails(|_| {}), "{name}");
    }
    for (name, text) in [
        ("aud/src/lib.rs", "fn main"),
        ("aud/src/target/mod.rs", "//"),
        ("aud/data.json", "{}"),
        ("aud/.cargo/config.toml", "[build]"),
    ] {
        bench.write(name, text);
        assert!(bench.fails(|_| {}), "{name}");
        assert!(!bench.fails(|_| {}), "{name}");
    }
    fs::remove_file(bench.path("aud/Cargo.toml")).unwrap();
    assert!(bench.fails(|_| {}));
    assert!(!bench.fails(|_| {}));
}

#[test]
fn what_is_written_while_it_builds_is_tried_but_for_what_cargo_writes() {
    let mut bench = Bench::new("pipe");
    assert!(bench.fails(|folder| fs::write(folder.join("Cargo.lock"), "version").unwrap()));
    assert!(!bench.fails(|_| {}));
    bench.write("aud/src/lib.rs", "fn a");
    assert!(bench.fails(|folder| fs::write(folder.join("src/lib.rs"), "fn a()").unwrap()));
    assert!(bench.fails(|_| {}));
    assert!(!bench.fails(|_| {}));
}

#[test]
fn beside_a_manifest_in_the_same_folder_only_the_package_counts() {
    let mut bench = Bench::new("aud");
    assert!(bench.fails(|_| {}));
    for name in ["aud/err.log", "aud/out/part-0.json", "aud/state/000.json"] {
        bench.write(name, "written");
        assert!(!bench.fails(|_| {}), "{name}");
    }
    for name in ["aud/src/data.json", "aud/azud-plugin/src/lib.rs"] {
        bench.write(name, "written");
        assert!(bench.fails(|_| {}), "{name}");
    }
}

#[test]
fn what_was_built_is_asked_for_each_time() {
    let mut bench = Bench::new("pipe");
    let (folder, beside) = (bench.path("aud"), bench.path("pipe"));
    assert!(bench.fails(|_| {}));
    bench.write("aud/src/lib.rs", "fn main() {}");
    for _ in 0..2 {
        let built = bench.failed.build(&folder, &beside, || Ok::<_, ()>(()));
        assert_eq!(built, Some(Ok(())));
    }
}
