//! Runs cargo for WebAssembly, as if from a fresh shell.

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{BuildError, package::Package};

/// A transform needs nothing from the outside: no WASI, no imports.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What leaks from a cargo that this process runs under: flags for another
/// target, a wrapper that only lints, the job server of a build that waits.
const LEAKS: [&str; 14] = [
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_MAKEFLAGS",
    "CLIPPY_ARGS",
    "MAKEFLAGS",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// A module that cargo made, and the file that lists its sources.
pub(crate) struct Module {
    pub(crate) wasm: PathBuf,
    pub(crate) dep_info: PathBuf,
}

pub(crate) fn build(package: &Package, target_dir: &Path) -> Result<Module, BuildError> {
    add_target(package)?;
    let mut command = fresh("cargo", package);
    command.args([
        "build",
        "--release",
        "--lib",
        "--target",
        TARGET,
        "--message-format",
        "json-render-diagnostics",
    ]);
    command.arg("--target-dir").arg(target_dir);
    let folder = package.folder.display();
    tracing::info!("building the plugin in {folder}; the first time takes a minute or so");
    let output = run(command, "cargo")?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned();
        return Err(BuildError::Compile {
            source_dir: package.folder.clone(),
            output,
        });
    }
    let wasm = module(&output.stdout, package)
        .ok_or_else(|| BuildError::NoModule(package.folder.join("Cargo.toml")))?;
    let dep_info = wasm.with_extension("d");
    Ok(Module { wasm, dep_info })
}

/// The module among the artifacts that cargo reports.
fn module(messages: &[u8], package: &Package) -> Option<PathBuf> {
    let manifest = package.folder.join("Cargo.toml");
    let messages = messages.split(|byte| *byte == b'\n');
    let artifacts =
        messages.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    artifacts
        .filter(|message| {
            message
                .get("manifest_path")
                .and_then(|path| path.as_str())
                .is_some_and(|path| Path::new(path) == manifest)
        })
        .filter_map(|message| message.get("filenames")?.as_array().cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        })
}

fn add_target(package: &Package) -> Result<(), BuildError> {
    let mut command = fresh("rustc", package);
    command.args(["--print", "target-libdir", "--target", TARGET]);
    let output = run(command, "rustc")?;
    if Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
        return Ok(());
    }
    // The one thing that a build changes outside of its folder is not done silently.
    let _ = writeln!(
        std::io::stderr(),
        "adding the Rust target {TARGET} (rustup target add {TARGET})"
    );
    let mut command = fresh("rustup", package);
    command.args(["target", "add", TARGET]);
    let output = run(command, "rustup")?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    Err(BuildError::Target {
        target: TARGET,
        output,
    })
}

fn fresh(program: &str, package: &Package) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&package.folder);
    for leak in LEAKS {
        command.env_remove(leak);
    }
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PROFILE_") {
            command.env_remove(name);
        }
    }
    command
}

fn run(mut command: Command, program: &'static str) -> Result<Output, BuildError> {
    command
        .output()
        .map_err(|source| BuildError::Missing { program, source })
}
