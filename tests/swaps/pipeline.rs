//! A pipeline that runs and is asked for other versions.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a manifest, and components beside it.
pub(crate) struct Folder(pub(crate) TempDir);

/// A pipeline that runs.
pub(crate) struct Pipeline<'a> {
    folder: &'a Folder,
    pub(crate) child: Child,
    told: Arc<Mutex<Vec<String>>>,
    reads: Option<JoinHandle<()>>,
}

/// What became of a command.
pub(crate) struct Asked {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
    pub(crate) took: Duration,
}

// === impl Folder ===

impl Folder {
    pub(crate) fn new(manifest: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("pipeline.yaml", manifest.as_bytes());
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// As a file that is there as a whole or not at all.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let hidden = self.path(".new");
        fs::write(&hidden, bytes).unwrap();
        fs::rename(hidden, self.path(name)).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Pipeline<'_> {
        self.run_to(Stdio::null(), arguments, environment)
    }

    pub(crate) fn run_to(
        &self,
        stdout: Stdio,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Pipeline<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
        command.arg("run").arg(self.path("pipeline.yaml"));
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(arguments);
        command.envs(environment.iter().copied());
        command.stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let (stderr, lines) = (child.stderr.take().unwrap(), told.clone());
        let reads = thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                lines.lock().unwrap().push(line.unwrap());
            }
        });
        Pipeline {
            folder: self,
            child,
            told,
            reads: Some(reads),
        }
    }
}

// === impl Pipeline ===

impl Pipeline<'_> {
    /// What it has told so far.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// Where its endpoint is.
    pub(crate) fn address(&self) -> String {
        let line = self.wait_for("the admin endpoint is http://");
        // As text, or within a line of JSON.
        let address = line.rsplit_once('/').unwrap().1;
        address.split('"').next().unwrap().to_owned()
    }

    /// Waits until it has told something; answers the line.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let told = self.told();
            if let Some(line) = told.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(began.elapsed() < PATIENCE, "never told `{text}`: {told:#?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until an epoch with rows is committed.
    #[track_caller]
    pub(crate) fn wait_for_rows(&self) {
        let began = Instant::now();
        let is_there = || {
            self.folder
                .path("out")
                .read_dir()
                .is_ok_and(|of| of.count() > 1)
        };
        while !is_there() {
            assert!(began.elapsed() < PATIENCE, "no rows came");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until one more epoch is committed.
    #[track_caller]
    pub(crate) fn wait_for_an_epoch(&self) {
        let (began, before) = (Instant::now(), self.epoch());
        while self.epoch() == before {
            assert!(began.elapsed() < PATIENCE, "no epoch follows {before:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The last epoch that is committed, by `azud status`.
    fn epoch(&self) -> Option<u64> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
        command.args(["status", "--json", "--at", &self.address()]);
        let output = command.output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["epoch"].as_u64()
    }

    /// Lets a component take over.
    pub(crate) fn reload(&self, node: &str, component: &[u8]) -> Asked {
        self.reload_with(node, component, &[])
    }

    pub(crate) fn reload_with(&self, node: &str, component: &[u8], more: &[&str]) -> Asked {
        self.folder.write("new.wasm", component);
        let path = self.folder.path("new.wasm");
        self.azud(&[&["reload", node, path.to_str().unwrap()], more].concat())
    }

    /// Another command, of the pipeline's endpoint.
    pub(crate) fn azud(&self, arguments: &[&str]) -> Asked {
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
        command.args(arguments).args(["--at", &self.address()]);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Asked {
            code: output.status.code(),
            text: String::from_utf8(text).unwrap(),
            took: began.elapsed(),
        }
    }

    /// Bytes of memory that it has.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() << 10
    }

    /// How many files and connections it has open.
    pub(crate) fn files(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        open.unwrap().count()
    }

    /// How many instances of plugins it has: each reserves 4 GiB for its memory.
    pub(crate) fn instances(&self) -> usize {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.child.id())).unwrap();
        let sizes = maps.lines().filter_map(|line| {
            let (from, to) = line.split_whitespace().next()?.split_once('-')?;
            let at = |text| u64::from_str_radix(text, 16).ok();
            Some(at(to)? - at(from)?)
        });
        sizes.filter(|size| *size >= 2 << 30).count()
    }

    /// Drains it; answers what it has told.
    #[track_caller]
    pub(crate) fn drain(self) -> Vec<String> {
        signal(&self.child, "INT");
        self.ended(Some(0))
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(mut self, code: Option<i32>) -> Vec<String> {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "it does not end: {:#?}",
                self.told.lock().unwrap()
            );
            thread::sleep(Duration::from_millis(5));
        };
        self.reads.take().unwrap().join().unwrap();
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        assert_eq!(status.code(), code, "{told:#?}");
        told
    }
}

impl Drop for Pipeline<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill").args(["-s", name, &id]).status();
    assert!(status.unwrap().success());
}
