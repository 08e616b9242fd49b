//! Runs cargo for WebAssembly, as if from a fresh shell.

use std::{
    env,
    io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{
    BuildError,
    messages::{self, Artifact},
    package::Package,
};

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

/// What cargo must not take as it was by the times of the files alone.
pub(crate) struct Again<'a> {
    /// Files whose content has changed.
    pub(crate) changed: &'a [PathBuf],
    /// Whether that is the package itself, and what lies in its folder.
    pub(crate) all: bool,
}

/// Compiles the package. With `show`, what cargo says is on stderr as it comes.
pub(crate) fn build(
    package: &Package,
    target_dir: &Path,
    again: &Again<'_>,
    show: bool,
) -> Result<Module, BuildError> {
    add_target(package)?;
    let folder = package.folder.display();
    tracing::info!("building the plugin in {folder}; the first time takes a minute or so");
    let mut artifacts = compile(package, target_dir, show)?;
    let doubted = again.all.then_some(package.folder.as_path());
    let mistaken = messages::mistaken(&artifacts, again.changed, doubted);
    if !mistaken.is_empty() {
        clean(package, target_dir, &mistaken)?;
        artifacts = compile(package, target_dir, show)?;
    }
    let manifest = package.folder.join("Cargo.toml");
    let wasm = messages::module(&artifacts, &manifest).ok_or(BuildError::NoModule(manifest))?;
    let dep_info = wasm.with_extension("d");
    Ok(Module { wasm, dep_info })
}

fn compile(package: &Package, target_dir: &Path, show: bool) -> Result<Vec<Artifact>, BuildError> {
    let mut command = fresh("cargo", package);
    command.args(["build", "--release", "--lib"]);
    command.args(["--target", package.world().target()]);
    command.arg("--target-dir").arg(target_dir);
    command.args(["--message-format", "json-render-diagnostics"]);
    command.args(["--color", if show && colour() { "always" } else { "never" }]);
    let output = match show {
        true => run_shown(command),
        false => command.output(),
    };
    let output = output.map_err(BuildError::missing("cargo"))?;
    match output.status.success() {
        true => Ok(messages::artifacts(&output.stdout)),
        false => Err(BuildError::of_cargo(package.folder.clone(), &output.stderr)),
    }
}

/// Forgets what was compiled of these packages, and of nothing else.
fn clean(package: &Package, target_dir: &Path, packages: &[String]) -> Result<(), BuildError> {
    let mut command = fresh("cargo", package);
    command.args(["clean", "--release", "--target", package.world().target()]);
    command.arg("--target-dir").arg(target_dir);
    for package in packages {
        command.args(["-p", package]);
    }
    let output = command.output().map_err(BuildError::missing("cargo"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(BuildError::of_cargo(package.folder.clone(), &output.stderr)),
    }
}

fn add_target(package: &Package) -> Result<(), BuildError> {
    let target = package.world().target();
    let mut command = fresh("rustc", package);
    command.args(["--print", "target-libdir", "--target", target]);
    let output = command.output().map_err(BuildError::missing("rustc"))?;
    if Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
        return Ok(());
    }
    // The one thing that a build changes outside of its folder is not done silently.
    let _ = writeln!(
        io::stderr(),
        "adding the Rust target {target} (rustup target add {target})"
    );
    let mut command = fresh("rustup", package);
    command.args(["target", "add", target]);
    let output = command
        .output()
        .map_err(|source| BuildError::NoRustup { target, source })?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    Err(BuildError::Target { target, output })
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

/// Runs it to its end and passes on, line by line, what it says on stderr.
fn run_shown(mut command: Command) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take();
    // Both pipes are read at once: neither may fill up while the other is waited for.
    let messages = std::thread::spawn(move || {
        let mut messages = Vec::new();
        stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut messages))?;
        io::Result::Ok(messages)
    });
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let mut stderr = BufReader::new(stderr);
        loop {
            let start = said.len();
            if stderr.read_until(b'\n', &mut said)? == 0 {
                break;
            }
            // If our stderr is gone there is nobody left to tell.
            let _ = io::stderr().write_all(said.get(start..).unwrap_or_default());
        }
    }
    let status = child.wait()?;
    let messages = messages
        .join()
        .map_err(|_| io::Error::other("what cargo made could not be read"))??;
    Ok(Output {
        status,
        stdout: messages,
        stderr: said,
    })
}

fn colour() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none()
}
