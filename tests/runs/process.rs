//! A running pipeline in a folder of its own.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

/// How often a test looks whether something has come about.
const LOOK: Duration = Duration::from_millis(10);

/// A minute of looks, far beyond what any of these takes: a run that hangs
/// fails, it does not hang the tests.
const PATIENCE: u32 = 6_000;

/// `azud run`, started.
pub(crate) struct Run {
    folder: Option<TempDir>,
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Option<JoinHandle<String>>,
}

/// What it left behind.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    folder: TempDir,
}

// === impl Run ===

impl Run {
    pub(crate) fn start(manifest: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), manifest, &[])
    }

    pub(crate) fn start_in(folder: TempDir, manifest: &str, arguments: &[&str]) -> Self {
        let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
        azud.args(["run", "pipeline.yaml"]).args(arguments);
        Self::spawn(folder, manifest, azud)
    }

    /// With `--json`, and at most so many open files.
    pub(crate) fn start_limited(manifest: &str, files: u32) -> Self {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {files} && exec \"$0\" run pipeline.yaml --json");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_azud")]);
        Self::spawn(tempfile::tempdir().unwrap(), manifest, shell)
    }

    /// With its standard output in a file.
    pub(crate) fn start_to(manifest: &str, stdout: File) -> Self {
        let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
        azud.args(["run", "pipeline.yaml"]);
        Self::spawn_to(tempfile::tempdir().unwrap(), manifest, azud, stdout.into())
    }

    fn spawn(folder: TempDir, manifest: &str, command: Command) -> Self {
        Self::spawn_to(folder, manifest, command, Stdio::piped())
    }

    fn spawn_to(folder: TempDir, manifest: &str, mut command: Command, stdout: Stdio) -> Self {
        std::fs::write(folder.path().join("pipeline.yaml"), manifest).unwrap();
        let mut child = command
            .current_dir(folder.path())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take().map(read_all);
        Self {
            folder: Some(folder),
            child,
            stdout,
            stderr,
        }
    }

    /// The standard output, for a test that reads it bit by bit.
    pub(crate) fn take_stdout(&mut self) -> ChildStdout {
        self.stdout.take().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.as_ref().unwrap().path().join(name)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Bytes of memory that it has now, and the most that it had.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next());
            kib.map_or(0, |kib| kib.parse::<u64>().unwrap() * 1024)
        };
        (bytes("VmRSS:"), bytes("VmHWM:"))
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        let stdout = self.stdout.take().map(read_all);
        let mut looks = 0;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            looks += 1;
            if looks > PATIENCE {
                self.child.kill().unwrap();
                let stderr = self.stderr.take().unwrap().join().unwrap();
                panic!("it did not end\n{stderr}");
            }
            std::thread::sleep(LOOK);
        };
        Ended {
            status,
            stdout: stdout.map_or(String::new(), |stdout| stdout.join().unwrap()),
            stderr: self.stderr.take().unwrap().join().unwrap(),
            folder: self.folder.take().unwrap(),
        }
    }
}

/// A test that fails leaves nothing running.
impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Ended ===

impl Ended {
    /// Every line of the visible files in a folder, sorted.
    pub(crate) fn lines(&self, folder: &str) -> Vec<String> {
        lines(&self.folder.path().join(folder))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs it again, over what it left behind.
    pub(crate) fn again(self, manifest: &str) -> Run {
        Run::start_in(self.folder, manifest, &[])
    }

    /// The same with arguments.
    pub(crate) fn again_with(self, manifest: &str, arguments: &[&str]) -> Run {
        Run::start_in(self.folder, manifest, arguments)
    }

    /// What was told beside the log.
    pub(crate) fn errors(&self) -> String {
        let is_log = |line: &str| line.trim_start().starts_with("INFO ");
        let errors = self.stderr.lines().filter(|line| !is_log(line));
        errors.map(|line| format!("{line}\n")).collect()
    }

    pub(crate) fn assert_success(&self) {
        assert!(self.status.success(), "{:?}\n{}", self.status, self.stderr);
    }
}

/// Every line of the visible files in a folder, sorted.
pub(crate) fn lines(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() && !name.starts_with(['.', '_']) {
            let text = std::fs::read_to_string(&path).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines.sort();
    lines
}

/// Waits until it holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut looks = 0;
    while !holds() {
        looks += 1;
        assert!(looks < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(LOOK);
    }
}

fn read_all<T: ReadAll>(from: T) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut from = from;
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

trait ReadAll: Read + Send + 'static {}
impl ReadAll for ChildStdout {}
impl ReadAll for ChildStderr {}
