//! A pipeline that is pushed to: a journaled socket in, a table and a plugin with
//! transactions out.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::data::{Row, row};
use crate::process::{log, wait};
use crate::verdict::lines;

/// A folder for a pipeline, and a port that nobody listens at.
pub(crate) fn place() -> (tempfile::TempDir, u16) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["guest", "told"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (folder, listener.local_addr().unwrap().port())
}

/// `misbehave` is what goes wrong in the guest.
pub(crate) fn manifest(port: u16, parallelism: u64, misbehave: &str) -> String {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/epochs-files");
    let component = azud_build::build(&guest, None).unwrap();
    format!(
        r#"
name: pushed
parallelism: {parallelism}
checkpoint: {{ to: ./state, every: 20ms }}
sources:
  rows:
    socket: {{ listen: "127.0.0.1:{port}" }}
    format: json
    schema: {{ partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }}
    journal_size: 256KiB
sinks:
  all: {{ from: rows, file: {{ path: ./all }}, format: json }}
  guest: {{ from: rows, plugin: epochs_files, max_rows: 500,
    config: {{ folder: guest, journal: told, misbehave: [{misbehave}] }} }}
plugins:
  epochs_files: {{ path: {}, grants: {{ dirs: {{ guest: write, told: write }} }} }}
"#,
        component.display()
    )
}

/// Sends rows until it is stopped or nobody listens; gives how many were sent.
pub(crate) struct Sender {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Sender {
    pub(crate) fn start(seed: u64, partition: u64, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut stream = loop {
                if asked.load(Ordering::Relaxed) {
                    return 0;
                }
                match TcpStream::connect(("127.0.0.1", port)) {
                    Ok(stream) => break stream,
                    Err(_) => std::thread::sleep(Duration::from_millis(2)),
                }
            };
            let mut sent = 0;
            while !asked.load(Ordering::Relaxed) {
                let mut text = String::new();
                for sequence in sent..sent + 20 {
                    text.push_str(&row(seed, partition, sequence).json());
                    text.push('\n');
                }
                if stream.write_all(text.as_bytes()).is_err() {
                    break;
                }
                sent += 20;
                std::thread::sleep(Duration::from_micros(300));
            }
            sent
        });
        Self { stop, thread }
    }

    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The committed rows of the guest, in the order of epochs.
pub(crate) fn guest(folder: &Path) -> Vec<Row> {
    let mut parts: Vec<(u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder.join("guest")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Some(number) = name.strip_prefix("part-") {
            let number = number.strip_suffix(".json").unwrap().parse().unwrap();
            parts.push((number, path));
        }
    }
    parts.sort();
    let lines = parts.iter().flat_map(|(_, path)| lines(path));
    lines.map(|line| Row::of_json(&line)).collect()
}

pub(crate) fn wait_for(folder: &Path, what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{what}: {}",
            log(folder)
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The rows that are visible, while a commit may be under way.
pub(crate) fn visible(folder: &Path) -> Vec<Row> {
    let entries = std::fs::read_dir(folder.join("all")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let parts = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    let lines = parts.flat_map(|path| lines(&path));
    lines.map(|line| Row::of_json(&line)).collect()
}

/// Asks it to end: what was read is committed first.
pub(crate) fn drain(child: &mut Child, folder: &Path) {
    let pid = child.id().to_string();
    let told = std::process::Command::new("kill")
        .arg(&pid)
        .status()
        .unwrap();
    assert!(told.success());
    let status = wait(child, folder);
    assert!(status.success(), "{status}: {}", log(folder));
}
