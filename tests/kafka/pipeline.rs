//! A pipeline in a folder of its own, and its runs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// No run takes longer unless it hangs.
const LONGEST: Duration = Duration::from_secs(90);

/// A manifest in a folder, which every run of it shares.
pub(crate) struct Pipeline {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// A run; killed when it is dropped.
pub(crate) struct Run {
    folder: PathBuf,
    pub(crate) child: Child,
}

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn new(manifest: &str) -> Self {
        let new = Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        };
        new.write(manifest);
        new
    }

    /// Another manifest, over what the runs before have left.
    pub(crate) fn write(&self, manifest: &str) {
        std::fs::write(self.path("p.yaml"), manifest).unwrap();
    }

    /// Runs have a variable of the environment from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its output goes to a pipe that nobody reads.
    pub(crate) fn start_piped(&self) -> Run {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let mut command = self.command(&["run", "p.yaml"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        Run {
            folder: self.folder.path().to_owned(),
            child: command.stderr(log).spawn().unwrap(),
        }
    }

    pub(crate) fn start(&self) -> Run {
        self.start_with(&[], &[])
    }

    /// With arguments, and variables of the environment for this run alone.
    pub(crate) fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let append = |name: &str| {
            let mut options = std::fs::File::options();
            let file = options.create(true).append(true).open(self.path(name));
            file.unwrap()
        };
        let child = self
            .command(&["run", "p.yaml"])
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(append("stdout"))
            .stderr(append("log"))
            .spawn()
            .unwrap();
        Run {
            folder: self.folder.path().to_owned(),
            child,
        }
    }

    /// Runs to the end, which must be a good one.
    pub(crate) fn finish(&self) {
        let status = self.start().wait();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Runs, and gives what it said when it refused.
    pub(crate) fn refused(&self) -> String {
        std::fs::remove_file(self.path("log")).ok();
        let status = self.start().wait();
        assert!(!status.success(), "it did not refuse: {}", self.log());
        self.log()
    }

    /// What another command prints, errors first.
    pub(crate) fn tell(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        format!("{}{}", text(output.stderr), text(output.stdout))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
        azud.current_dir(self.folder.path()).args(arguments);
        azud.env_remove("AZUD_KILL_AT");
        azud.envs(self.variables.iter().cloned());
        azud
    }

    pub(crate) fn log(&self) -> String {
        log(self.folder.path())
    }

    /// The lines of the visible files in a folder, sorted.
    pub(crate) fn lines(&self, folder: &str) -> Vec<String> {
        let mut lines = lines(&self.path(folder));
        lines.sort();
        lines
    }

    /// The lines of each folder of `layout: batches`.
    pub(crate) fn batches(&self, prefix: &str) -> Vec<Vec<String>> {
        let prefix = format!("{prefix}-");
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let folders = entries.map(|entry| entry.unwrap());
        let batches = folders.filter(|one| one.file_name().to_string_lossy().starts_with(&prefix));
        batches.map(|batch| lines(&batch.path())).collect()
    }

    /// Waits until there are so many lines.
    pub(crate) fn until_lines(&self, folder: &str, count: usize) {
        let what = || format!("{count} lines in `{folder}`: {}", self.log());
        until_or(what, || self.lines(folder).len() >= count);
    }

    /// Waits until it has said that.
    pub(crate) fn until_said(&self, what: &str) {
        let told = || format!("`{what}` in {}", self.log());
        until_or(told, || self.log().contains(what));
    }
}

// === impl Run ===

impl Run {
    /// Waits for its end; a run that hangs is killed, and fails the test.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            let so_far = started.elapsed();
            assert!(so_far < LONGEST, "it hangs: {}", log(&self.folder));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it as its operator does; it must end well.
    pub(crate) fn stop(self) {
        self.signal("TERM");
        let folder = self.folder.clone();
        let status = self.wait();
        assert!(status.success(), "{status}: {}", log(&folder));
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The most bytes of memory that it had.
    pub(crate) fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.map_or(0, |kib| kib.parse::<u64>().unwrap() * 1024)
    }
}

/// A test that fails leaves nothing running.
impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() && !name.starts_with(['.', '_']) {
            let text = std::fs::read_to_string(&path).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// Waits until it holds.
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_or(|| what.to_owned(), holds);
}

/// The same; `what` is asked when it has not come about.
pub(crate) fn until_or(what: impl Fn() -> String, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < LONGEST, "waited in vain: {}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}
