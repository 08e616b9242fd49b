//! Components are compiled by a process of their own, which has limits.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use azud_sandbox::{Compiler, LoadError, Plugin, Sandbox, Settings};

pub(crate) fn guest(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    azud_build::build(&guests.join(name), None).unwrap()
}

fn azud() -> Compiler {
    Compiler::new(env!("CARGO_BIN_EXE_azud"), &["compile-component"])
}

fn load(compiler: Option<Compiler>, cache: Option<&Path>) -> Result<Plugin, LoadError> {
    let cache = cache.map(Into::into);
    let sandbox = Sandbox::new(Settings { cache, compiler }).unwrap();
    Plugin::load(&sandbox, &guest("picky"), None)
}

#[test]
fn the_code_is_the_same_and_is_kept() {
    let kept = |compiler| {
        let folder = tempfile::tempdir().unwrap();
        load(compiler, Some(folder.path())).unwrap();
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let entries = entries.map(|entry| entry.unwrap().path());
        let [entry] = <[PathBuf; 1]>::try_from(entries.collect::<Vec<_>>()).unwrap();
        // Known: it is not compiled again, so nobody has to be able to.
        let nobody = Compiler::new("/nowhere", &[]);
        load(Some(nobody), Some(folder.path())).unwrap();
        (
            entry.file_name().unwrap().to_owned(),
            std::fs::read(&entry).unwrap(),
        )
    };
    let (own, other) = (kept(None), kept(Some(azud())));
    assert_eq!(own.0, other.0);
    assert!(own.1 == other.1, "the code differs");
    load(Some(azud()), None).unwrap();
}

#[test]
fn too_little_memory_is_told() {
    for memory in [1 << 20, 96 << 20] {
        let mut compiler = azud();
        compiler.memory = memory;
        let error = load(Some(compiler), None).unwrap_err().to_string();
        let expected = format!(
            "compiling {} needed more than {} MiB of memory; is it a plugin?",
            guest("picky").display(),
            memory >> 20
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn too_little_time_is_told() {
    let mut compiler = azud();
    compiler.time = Duration::from_millis(1);
    let error = load(Some(compiler), None).unwrap_err().to_string();
    let start = format!(
        "compiling {} took longer than 1ms; ",
        guest("picky").display()
    );
    assert!(error.starts_with(&start), "{error}");
}

#[test]
fn a_broken_component_is_told_as_ever() {
    let sandbox = |compiler| {
        Sandbox::new(Settings {
            cache: None,
            compiler,
        })
        .unwrap()
    };
    let refusal = |compiler| {
        Plugin::from_bytes(
            &sandbox(compiler),
            "x.wasm",
            b"\0asm\x0d\0\x01\0garbage",
            None,
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(refusal(Some(azud())), refusal(None));
}

/// Whoever runs it by hand gets an answer, not a crash.
#[test]
fn nothing_on_stdin_is_no_component() {
    let output = Command::new(env!("CARGO_BIN_EXE_azud"))
        .args(["compile-component", "4294967296", "60"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("unexpected end-of-file"));
}
