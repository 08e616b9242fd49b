//! Who looks: `azud tap`, or a connection that is not read.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `azud tap`, started.
pub(crate) struct Tap {
    child: Child,
    rows: Arc<Mutex<Vec<String>>>,
    reads: Option<JoinHandle<()>>,
    told: Option<JoinHandle<String>>,
}

/// What it left behind.
pub(crate) struct Shown {
    pub(crate) code: Option<i32>,
    /// Its lines on stdout.
    pub(crate) rows: Vec<String>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: it does not come about");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs `azud tap` to its end.
pub(crate) fn tap(address: &str, arguments: &[&str]) -> Shown {
    let began = Instant::now();
    let shown = Tap::start(address, arguments).ended();
    Shown {
        took: began.elapsed(),
        ..shown
    }
}

// === impl Tap ===

impl Tap {
    pub(crate) fn start(address: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
        command.arg("tap").args(arguments).args(["--at", address]);
        command.env_remove("AZUD_ADMIN_TOKEN");
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let rows: Arc<Mutex<Vec<String>>> = Arc::default();
        let of = rows.clone();
        let reads = thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                of.lock().unwrap().push(line.unwrap());
            }
        });
        let told = thread::spawn(move || {
            let mut told = String::new();
            stderr.read_to_string(&mut told).unwrap();
            told
        });
        Self {
            child,
            rows,
            reads: Some(reads),
            told: Some(told),
        }
    }

    /// What it has shown so far.
    pub(crate) fn rows(&self) -> Vec<String> {
        self.rows.lock().unwrap().clone()
    }

    /// Waits until it has shown a row with that text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        until(text, || self.rows().iter().any(|row| row.contains(text)));
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", "INT", &id]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Shown {
        let mut code = None;
        until("the end of azud tap", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        self.reads.take().unwrap().join().unwrap();
        Shown {
            code: code.unwrap().code(),
            rows: self.rows(),
            stderr: self.told.take().unwrap().join().unwrap(),
            took: Duration::ZERO,
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Shown ===

impl Shown {
    /// Its rows, which are JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        let rows = self.rows.iter();
        rows.map(|row| serde_json::from_str(row).unwrap()).collect()
    }

    /// How many rows it has shown, and how many have passed, by its last line on stderr.
    #[track_caller]
    pub(crate) fn counts(&self) -> (u64, u64) {
        let last = self.stderr.lines().last().unwrap();
        let words: Vec<&str> = last.split([' ', ':']).collect();
        let number = |word: &str| word.replace(',', "").parse().unwrap();
        assert_eq!(words[2], "shown,", "{last}");
        (number(words[0]), number(words[3]))
    }
}

/// Asks for a tap, and reads no more than the head of the answer: the code is in it.
pub(crate) fn ask(address: &str, target: &str, more: &str) -> (u16, TcpStream) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    let code = std::str::from_utf8(&answer[9..]).unwrap();
    (code.parse().unwrap(), stream)
}
