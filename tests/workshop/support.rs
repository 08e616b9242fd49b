//! A folder outside of the repository, and commands in it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// What several tests compile in common. Not the folder of the build that runs
/// this test: it would wait for itself.
fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join(name)
}

/// A folder to work in.
pub(crate) struct Bench {
    folder: TempDir,
}

/// What a command printed.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// As the builder sees it.
    pub(crate) fn real(&self, path: &str) -> String {
        let folder = self.folder.path().canonicalize().unwrap();
        folder.join(path).display().to_string()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// `azud` in a folder of it, called by its name as one that is installed.
    pub(crate) fn command(&self, folder: &str, arguments: &str) -> Command {
        let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
        azud.arg0("azud")
            .args(arguments.split_whitespace())
            .current_dir(self.path(folder))
            .env("AZUD_TARGET_DIR", shared("guests"))
            .env("NO_COLOR", "1");
        azud
    }

    pub(crate) fn azud(&self, folder: &str, arguments: &str) -> Said {
        Said::of(self.command(folder, arguments).output().unwrap())
    }

    /// `azud`, which must succeed; what it says on stdout.
    pub(crate) fn ok(&self, folder: &str, arguments: &str) -> String {
        let said = self.azud(folder, arguments);
        assert_eq!(said.code, Some(0), "azud {arguments}\n{}", said.stderr);
        said.stdout
    }

    /// `azud`, which must refuse; what it says on stderr, but for the log.
    pub(crate) fn refused(&self, folder: &str, arguments: &str) -> String {
        let said = self.azud(folder, arguments);
        assert_eq!(said.code, Some(2), "azud {arguments}\n{}", said.stderr);
        assert_eq!(said.stdout, "");
        without_log(&said.stderr)
    }

    /// The plugin's own tests, with the versions that it was written with.
    pub(crate) fn cargo_test(&self, folder: &str) -> Said {
        // Cargo takes two copies of the SDK for the same, in one target folder.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock();
        let mut cargo = Command::new("cargo");
        cargo
            .args(["test", "--locked", "--target-dir"])
            .arg(shared("guests-native"))
            .current_dir(self.path(folder))
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTC_WORKSPACE_WRAPPER");
        Said::of(cargo.output().unwrap())
    }

    /// What `azud build` says of a component.
    pub(crate) fn component(&self, file: &str) -> (usize, String) {
        let bytes = fs::read(self.path(file)).unwrap();
        let digest = Sha256::digest(&bytes);
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (bytes.len(), hex)
    }
}

// === impl Said ===

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Lines that are no log.
pub(crate) fn without_log(stderr: &str) -> String {
    let is_log = |line: &&str| {
        [" INFO ", " WARN "]
            .iter()
            .any(|level| line.starts_with(level))
    };
    let lines = stderr.lines().filter(|line| !is_log(line));
    lines.map(|line| format!("{line}\n")).collect()
}
