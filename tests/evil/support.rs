//! A pipeline with an evil node and a good one, run to its end and measured.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What the host may take beside a plugin's own memory.
const MARGIN: u64 = 32 << 20;

/// Rows of the input: the numbers from 0.
pub(crate) const ROWS: usize = 20;

/// The one that the guest does its harm at.
pub(crate) const EVIL_ROW: usize = 7;

/// A case takes well under two seconds; one that hangs must not hang the tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the evil node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Transform,
    Sink,
    Keyed,
    Aggregate,
}

/// A pipeline to be run.
pub(crate) struct Case {
    pub(crate) folder: TempDir,
    pub(super) kind: Kind,
    pub(super) place: &'static str,
    pub(super) how: String,
    pub(super) to: String,
    pub(super) grants: String,
    pub(super) limits: String,
    pub(super) memory: u64,
    pub(super) on_error: &'static str,
    pub(super) reads_rejected: bool,
    pub(super) max_rows: usize,
    environment: Vec<(&'static str, &'static str)>,
}

/// One that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    case: Case,
    peak: thread::JoinHandle<u64>,
    stderr: thread::JoinHandle<String>,
    /// Its standard error so far.
    told: Arc<Mutex<Vec<u8>>>,
}

/// What it left behind.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    pub(crate) peak: u64,
    pub(crate) folder: TempDir,
}

/// The component, built once.
pub(super) fn component() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/evil/guest");
        // Not the folder of the build that runs this test: it would wait for itself.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
        let builder = azud_build::Builder::new().target_dir(target);
        builder.build(&guest).unwrap()
    })
}

/// The most memory that a pipeline has whose plugin does as it should.
fn usual(kind: Kind) -> u64 {
    static USUAL: Mutex<[Option<u64>; 4]> = Mutex::new([None; 4]);
    let mut usual = USUAL.lock().unwrap_or_else(PoisonError::into_inner);
    *usual[kind as usize].get_or_insert_with(|| {
        let case = || Case::new(kind, "nowhere", "well");
        // The first compiles the component, which the others find in the cache.
        case().start().wait_unmeasured().assert_code(0);
        case().start().wait_unmeasured().peak
    })
}

// === impl Case ===

impl Case {
    fn new(kind: Kind, place: &'static str, how: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder,
            kind,
            place,
            how: how.into(),
            to: String::new(),
            grants: match kind {
                Kind::Sink => "http: [], tcp: []".into(),
                Kind::Transform | Kind::Keyed | Kind::Aggregate => String::new(),
            },
            limits: "deadline: 100ms, timeout: 300ms".into(),
            memory: 16 << 20,
            on_error: "stop",
            reads_rejected: true,
            max_rows: ROWS,
            environment: Vec::new(),
        }
    }

    /// A transform that misbehaves in `process`.
    pub(crate) fn transform(how: &str) -> Self {
        Self::new(Kind::Transform, "process", how)
    }

    /// A plugin with state that misbehaves in `open`, `process`, or there for a `timer`.
    pub(crate) fn keyed(place: &'static str, how: &str) -> Self {
        Self::new(Kind::Keyed, place, how)
    }

    /// An aggregate that misbehaves where it converts the states of an earlier version, which has
    /// read the first half of the rows.
    pub(crate) fn migrating(how: &str) -> Self {
        let before = Self::new(Kind::Aggregate, "before", "well").limits("deadline: 1s");
        let ended = before.start().wait_unmeasured();
        ended.assert_code(0);
        Self {
            folder: ended.folder,
            ..Self::new(Kind::Aggregate, "migrate", how)
        }
    }

    /// Whether a run goes on where another one was.
    pub(super) fn has_checkpoint(&self) -> bool {
        matches!(self.place, "before" | "migrate")
    }

    /// An aggregate that misbehaves in `open`, `update`, `merge`, `finish` or `former`.
    pub(crate) fn aggregate(place: &'static str, how: &str) -> Self {
        Self::new(Kind::Aggregate, place, how)
    }

    /// A transform that misbehaves in `open`.
    pub(crate) fn opening(how: &str) -> Self {
        Self::new(Kind::Transform, "open", how)
    }

    /// A sink that misbehaves in `open`, `write` or `flush`.
    pub(crate) fn sink(place: &'static str, how: &str) -> Self {
        Self::new(Kind::Sink, place, how)
    }

    /// The server, the path or the variant that the case is about.
    pub(crate) fn to(mut self, to: impl Into<String>) -> Self {
        self.to = to.into();
        self
    }

    pub(crate) fn grants(mut self, grants: impl Into<String>) -> Self {
        self.grants = grants.into();
        self
    }

    /// A folder `taken` to write to, beside others.
    pub(crate) fn with_folder(self) -> Self {
        fs::create_dir(self.folder.path().join("taken")).unwrap();
        let grants = format!("{}, dirs: {{ taken: write }}", self.grants);
        self.grants(grants)
    }

    pub(crate) fn limits(mut self, limits: &str) -> Self {
        self.limits = limits.into();
        self
    }

    pub(crate) fn memory(mut self, mebibytes: u64) -> Self {
        self.memory = mebibytes << 20;
        self
    }

    /// Nobody reads the rejected rows.
    pub(crate) fn on_error(mut self, on_error: &'static str) -> Self {
        self.on_error = on_error;
        self.reads_rejected = false;
        self
    }

    pub(crate) fn max_rows(mut self, rows: usize) -> Self {
        self.max_rows = rows;
        self
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let at = |name: &str| self.folder.path().join(name);
        fs::write(at("pipeline.yaml"), self.manifest()).unwrap();
        fs::create_dir_all(at("in")).unwrap();
        // Of two files, each an epoch, where states have to meet.
        let first = match self.kind {
            Kind::Aggregate => ROWS / 2,
            Kind::Transform | Kind::Sink | Kind::Keyed => ROWS,
        };
        let last = if self.place == "before" { first } else { ROWS };
        for (name, rows) in [("in/a.json", 0..first), ("in/b.json", first..last)] {
            let row = |n| format!("{{\"n\":{n},\"at\":{n}}}\n");
            let rows: String = rows.map(row).collect();
            if !rows.is_empty() && !at(name).exists() {
                fs::write(at(name), rows).unwrap();
            }
        }
        let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
        azud.args(["run", "pipeline.yaml"])
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = azud.spawn().unwrap();
        let mut from = child.stderr.take().unwrap();
        let told = Arc::<Mutex<Vec<u8>>>::default();
        let so_far = Arc::clone(&told);
        let stderr = thread::spawn(move || {
            let mut piece = [0; 4_096];
            loop {
                let length = from.read(&mut piece).unwrap();
                let mut told = so_far.lock().unwrap();
                if length == 0 {
                    // What cannot be printed is not UTF-8 here.
                    return String::from_utf8(told.clone()).unwrap();
                }
                told.extend_from_slice(&piece[..length]);
            }
        });
        let status = format!("/proc/{}/status", child.id());
        let peak = thread::spawn(move || highest(&status));
        Running {
            child,
            case: self,
            peak,
            stderr,
            told,
        }
    }

    /// Runs it to its end, and holds it to what every case is held to.
    pub(crate) fn run(self) -> Ended {
        let limit = usual(self.kind) + self.memory + MARGIN;
        let (how, place) = (self.how.clone(), self.place);
        let ended = self.start().wait_unmeasured();
        if std::env::var_os("EVIL_TELLS").is_some() {
            println!(
                "{place} {how}: {:?}, {} of {} MiB\n{}",
                ended.code,
                ended.peak >> 20,
                limit >> 20,
                ended.stderr
            );
        }
        let peak = ended.peak;
        assert!(
            peak <= limit,
            "{how}: {} MiB, more than {}",
            peak >> 20,
            limit >> 20
        );
        assert!(
            !ended.stderr.contains("panicked at runtime"),
            "{}",
            ended.stderr
        );
        let control = |c: char| c.is_control() && c != '\n';
        let odd = |c: char| control(c) || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!ended.stderr.contains(odd), "{:?}", ended.stderr);
        match ended.code {
            Some(0) => assert_eq!(
                ended.numbers("good"),
                (0..ROWS).map(|n| 2 * n).collect::<Vec<_>>()
            ),
            // One mistake is told once, and what was not committed is not visible.
            Some(2) => assert!(ended.stderr.contains("\n1 error\n"), "{}", ended.stderr),
            Some(1) => {
                // States meet in the second epoch, or the next run: the first one has happened.
                let before = if matches!(place, "merge" | "migrate") {
                    ROWS / 2
                } else {
                    0
                };
                let before: Vec<_> = (0..before).map(|n| 2 * n).collect();
                assert_eq!(ended.numbers("good"), before, "{how}");
            }
            other => panic!("{how}: it ended with {other:?}\n{}", ended.stderr),
        }
        ended
    }
}

/// The most memory that a process had while it lived, in bytes.
fn highest(status: &str) -> u64 {
    let mut highest = 0;
    while let Ok(text) = fs::read_to_string(status) {
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        // A process that has ended and was not waited for has none.
        let Some(kib) = line.and_then(|line| line.split_whitespace().next()) else {
            break;
        };
        highest = highest.max(kib.parse::<u64>().unwrap() * 1024);
        thread::sleep(Duration::from_millis(1));
    }
    highest
}

// === impl Running ===

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has a handler for SIGTERM: before, one would end it at once.
    pub(crate) fn until_it_handles_signals(&self) {
        const SIGTERM: u64 = 1 << 14;
        let status = format!("/proc/{}/status", self.child.id());
        self.until("a handler", || {
            let status = fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & SIGTERM != 0
        });
    }

    /// Waits until it has said something.
    pub(crate) fn until_told(&self, what: &str) {
        self.until(what, || {
            String::from_utf8_lossy(&self.told.lock().unwrap()).contains(what)
        });
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < PATIENCE, "{}: {what}", self.case.how);
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn wait_unmeasured(mut self) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                panic!(
                    "{}: it did not end\n{}",
                    self.case.how,
                    self.stderr.join().unwrap()
                );
            }
            thread::sleep(Duration::from_millis(5));
        };
        Ended {
            code: status.code(),
            stderr: self.stderr.join().unwrap(),
            peak: self.peak.join().unwrap(),
            folder: self.case.folder,
        }
    }
}

// === impl Ended ===

impl Ended {
    /// The visible lines in a folder.
    pub(crate) fn lines(&self, folder: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in fs::read_dir(self.folder.path().join(folder))
            .into_iter()
            .flatten()
        {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_file() && !name.starts_with(['.', '_']) {
                lines.extend(
                    fs::read_to_string(&path)
                        .unwrap()
                        .lines()
                        .map(str::to_owned),
                );
            }
        }
        lines
    }

    /// The column `n` of what is visible in a folder, sorted.
    pub(crate) fn numbers(&self, folder: &str) -> Vec<usize> {
        let lines = self.lines(folder);
        let number = |line: &String| match serde_json::from_str::<serde_json::Value>(line).unwrap()
        {
            serde_json::Value::Object(row) => row["n"].as_u64().unwrap() as usize,
            plain => plain.as_u64().unwrap() as usize,
        };
        let mut numbers: Vec<usize> = lines.iter().map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Position and reason of the rows that were rejected, sorted by position.
    pub(crate) fn rejected(&self) -> Vec<(usize, String)> {
        let of = |line: &String| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            // A timer has none, and comes after all that have.
            let position = row["position"].as_str();
            let position = position.map_or(usize::MAX, |text| text.parse().unwrap());
            (position, row["reason"].as_str().unwrap().to_owned())
        };
        let mut rejected: Vec<_> = self.lines("told").iter().map(of).collect();
        rejected.sort();
        rejected
    }

    /// The transform went on: one row was rejected, the others came.
    pub(crate) fn assert_one_rejected(&self, reason: &str) {
        self.assert_code(0);
        let rejected = self.rejected();
        let reasons: Vec<_> = rejected.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(reasons, [reason], "{}", self.stderr);
        let others: Vec<_> = (0..ROWS).filter(|n| *n != EVIL_ROW).collect();
        assert_eq!(self.numbers("came"), others);
    }

    /// What else the evil node gave, by a number.
    pub(crate) fn said(&self) -> Vec<(usize, String)> {
        let of = |line: &String| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let said = match &row["said"] {
                serde_json::Value::String(said) => said.clone(),
                other => other.to_string(),
            };
            (row["n"].as_u64().unwrap() as usize, said)
        };
        let mut said: Vec<_> = self.lines("came").iter().map(of).collect();
        said.sort();
        said
    }

    /// All rows of the sink were rejected so.
    pub(crate) fn assert_all_rejected(&self, reason: &str) {
        self.assert_code(0);
        let rejected = self.rejected();
        assert_eq!(rejected.len(), ROWS, "{}", self.stderr);
        for (_, why) in rejected {
            assert_eq!(why, reason);
        }
    }

    pub(crate) fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
    }

    /// It was refused, or ended, with this said.
    pub(crate) fn assert_told(&self, code: i32, what: &str) {
        self.assert_code(code);
        assert!(self.stderr.contains(what), "{what}\n{}", self.stderr);
    }

    /// What the guest saw, each time it looked.
    pub(crate) fn saw(&self) -> Vec<&str> {
        let saw = self.stderr.lines();
        saw.filter_map(|line| Some(line.split_once("saw ")?.1))
            .collect()
    }
}
