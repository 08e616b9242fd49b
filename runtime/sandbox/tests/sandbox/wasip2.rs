//! A plugin built for WASI 0.2 sees an empty world.

use std::{path::Path, process::Command, sync::Arc};

use arrow::array::AsArray as _;
use azud_sandbox::{Level, Limits, Plugin, Rows, Transform};

use crate::support::{Lines, batch, sandbox};

fn build() -> std::path::PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/wasip2");
    // A folder of its own: tests of `azud-build` build packages of the same name.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guest-wasip2");
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&source)
        .args([
            "build",
            "--release",
            "--target",
            "wasm32-wasip2",
            "--target-dir",
        ])
        .arg(&target);
    for leak in [
        "CARGO_TARGET_DIR",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "MAKEFLAGS",
        "CARGO_MAKEFLAGS",
    ] {
        cargo.env_remove(leak);
    }
    let built = cargo.output().unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    target.join("wasm32-wasip2/release/wasip2.wasm")
}

#[test]
fn it_has_no_arguments_no_environment_no_files_and_no_time() {
    let plugin = Plugin::load(sandbox(), &build(), None).unwrap();
    let lines = Arc::new(Lines::default());
    let open = || {
        Transform::open(
            &plugin,
            "{}",
            &batch(0).schema(),
            Limits::default(),
            lines.clone(),
        )
        .unwrap()
    };
    let mut transform = open();
    let processed = transform.process(&batch(1)).unwrap();
    assert_eq!(processed.rows, Rows::Unrelated);
    let seen: Vec<_> = processed
        .output
        .column(0)
        .as_string::<i32>()
        .iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        seen[..4],
        ["0 arguments", "0 variables", "0 s", "Err(NotFound)"]
    );
    // The order of a hash map is the same in every instance.
    let again = open().process(&batch(1)).unwrap();
    assert_eq!(again.output, processed.output);

    let lines = lines.0.lock().unwrap();
    assert_eq!(lines[0], (Level::Info, "opened with {}".into()));
    assert_eq!(lines[1], (Level::Warn, "a warning".into()));
}
