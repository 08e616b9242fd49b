//! Packages that are built: for which target, when again, and where to.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use azud_build::{BuildError, Builder, Built, World};
use tempfile::TempDir;

/// Guests of this repository, with which the versions of what they need are locked.
fn guest(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    guests.join(name).canonicalize().unwrap()
}

/// Not the folder of the build that runs this test: it would wait for itself.
fn builder() -> Builder {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    Builder::new().target_dir(target)
}

/// A sink that takes everything, as a package of its own.
const SINK: &str = r#"
wit_bindgen::generate!({ path: "WIT", world: "sink-plugin" });

use exports::azud::plugin::sink::{Batch, Field, Flushed, Guest, Outcome};

struct All;

export!(All);

impl Guest for All {
    fn open(_: String, _: Vec<Field>) -> Result<(), String> {
        Ok(())
    }

    fn write(batch: Batch) -> Outcome {
        // What needs the outside world, so that it is imported.
        println!("{} rows", batch.rows);
        Outcome::Accepted
    }

    fn flush() -> Flushed {
        Flushed::Done
    }
}
"#;

/// A copy of the guest `wasip2` with another source.
fn package(source: &str, metadata: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let wit = guest("wasip2").join("../../../wit").canonicalize().unwrap();
    let source = source.replace("WIT", &wit.display().to_string());
    fs::create_dir(folder.path().join("src")).unwrap();
    save(&folder, "src/lib.rs", &source);
    let lock = fs::read_to_string(guest("wasip2").join("Cargo.lock")).unwrap();
    save(&folder, "Cargo.lock", &lock);
    say(&folder, metadata);
    folder
}

/// Writes its manifest, with something more in it.
fn say(folder: &TempDir, metadata: &str) {
    let manifest = fs::read_to_string(guest("wasip2").join("Cargo.toml")).unwrap();
    save(folder, "Cargo.toml", &format!("{manifest}{metadata}"));
}

/// Writes a file long ago: one that is saved while a build begins is built once more.
fn save(folder: &TempDir, file: &str, text: &str) {
    let path = folder.path().join(file);
    fs::write(&path, text).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(then).unwrap();
}

fn build(folder: &TempDir) -> Result<Built, BuildError> {
    builder().run(folder.path())
}

const A_SINK: &str = "\n[package.metadata.azud]\nworld = \"sink\"\n";

#[test]
fn a_sink_is_built_for_wasi_and_again_when_its_world_changes() {
    let folder = package(SINK, A_SINK);
    let first = build(&folder).unwrap();
    assert!(first.now);
    assert_eq!(first.world, World::Sink);
    assert_eq!(
        first.component,
        folder
            .path()
            .canonicalize()
            .unwrap()
            .join("target/azud/wasip2.wasm")
    );
    let component = fs::read(&first.component).unwrap();
    assert_eq!(component[..8], *b"\0asm\x0d\0\x01\0", "it is no component");
    let names = |name: &[u8]| component.windows(name.len()).any(|bytes| bytes == name);
    assert!(names(b"azud:plugin/sink@0.1.0"));
    assert!(names(b"wasi:cli/stdout@0.2"), "no WASI is imported");
    assert!(!build(&folder).unwrap().now, "it was up to date");

    // Another world, the same source: it is built again, and found out.
    say(&folder, "");
    let error = build(&folder).unwrap_err().to_string();
    assert!(
        error.ends_with("is no plugin: it exports a sink: write `world = \"sink\"` under [package.metadata.azud] in its Cargo.toml"),
        "{error}"
    );
    say(&folder, A_SINK);
    assert!(
        !build(&folder).unwrap().now,
        "the last one that was built is this one"
    );
    // As old as the one before: by its time, cargo would take it for the same.
    save(&folder, "src/lib.rs", "// nothing");
    let error = build(&folder).unwrap_err().to_string();
    assert!(error.contains("is no plugin: it exports none"), "{error}");
}

#[test]
fn a_copy_of_the_component_goes_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let [file, named] = ["deep/er/x.wasm", "existing/echo.wasm"].map(|to| folder.path().join(to));
    fs::create_dir(folder.path().join("existing")).unwrap();
    let source = guest("echo");
    let own = builder().build(&source).unwrap();
    let copied = builder().out(&file).run(&source).unwrap();
    assert!(!copied.now, "where it goes does not make it stale");
    assert_eq!(copied.component, file);
    let into = builder().out(folder.path().join("existing"));
    assert_eq!(into.build(&source).unwrap(), named);
    for copy in [&file, &named] {
        assert_eq!(fs::read(copy).unwrap(), fs::read(&own).unwrap());
        let beside = fs::read_dir(copy.parent().unwrap()).unwrap();
        assert_eq!(beside.count(), 1, "nothing else is left there");
    }
    assert!(builder().force(true).run(&source).unwrap().now);
}

#[test]
fn what_is_no_component_is_not_replaced_by_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let source = guest("echo");
    let text = folder.path().join("notes.txt");
    fs::write(&text, "mine").unwrap();
    for out in [text.as_path(), Path::new("/dev/null")] {
        let error = builder().out(out).build(&source).unwrap_err().to_string();
        let expected = format!(
            "{} is there, and is no component: name another file with -o",
            out.display()
        );
        assert_eq!(error, expected);
    }
    assert_eq!(fs::read_to_string(&text).unwrap(), "mine");

    let out = folder.path().join("echo.wasm");
    fs::write(&out, "").unwrap();
    builder().out(&out).build(&source).unwrap();
    let mode = fs::metadata(&out).unwrap().permissions().mode() & 0o777;
    let usual = fs::metadata(&text).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, usual, "whoever may read other files may read it");
}
