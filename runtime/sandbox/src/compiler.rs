//! Compiles in a process of its own: a compiler cannot be interrupted, a process
//! can be ended.
//!
//! The component goes in by the standard input, the code comes back by the standard
//! output, sealed: whatever else is printed there is never taken for code.

mod child;

use std::{
    ffi::OsString,
    io::{Read, Write as _},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{LoadError, log, pages::Pages, sealed::Kind};

pub use child::compile_component;

/// Most of what a compiler may answer with: code is about eight times the component.
const CODE: u64 = 1 << 30;
/// Most of what is read of its words.
const WORDS: u64 = 1 << 16;
/// Most of its words that an error shows.
const SHOWN: usize = 300;
/// Most threads that it compiles with.
const THREADS: usize = 8;
/// How many milliseconds it may take to end after its answer.
const GOODBYE: u32 = 1_000;

/// A program that compiles components, and what it may use up.
///
/// It is called with `arguments` and two more: `memory`, and `time` in whole
/// seconds. It must give both to [`compile_component`] and do nothing else.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program.
    pub program: PathBuf,
    /// What comes before the two arguments.
    pub arguments: Vec<OsString>,
    /// Bytes of address space.
    pub memory: u64,
    /// How long it may take.
    pub time: Duration,
}

/// What a compiler left behind.
struct Ended {
    /// `None`: it took too long.
    answer: Option<Pages>,
    words: Pages,
    status: ExitStatus,
}

// === impl Compiler ===

impl Compiler {
    /// A compiler with the usual limits: 4 GiB and 60 s.
    pub fn new(program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.iter().map(Into::into).collect(),
            memory: 4 << 30,
            time: Duration::from_secs(60),
        }
    }

    /// The code of a component; `name` is for messages.
    pub(crate) fn compile(&self, name: &str, component: &[u8]) -> Result<Pages, LoadError> {
        let failed = |reason: String| LoadError::Compiler {
            name: name.into(),
            reason,
        };
        let child = self.start().map_err(|error| {
            failed(format!(
                "{} cannot be started: {error}",
                self.program.display()
            ))
        })?;
        let ended = self
            .watch(child, component)
            .map_err(|error| failed(error.to_string()))?;
        self.judge(name, ended)
    }

    fn start(&self) -> std::io::Result<Child> {
        let seconds = self.time.as_secs() + u64::from(self.time.subsec_nanos() > 0);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Command::new(&self.program)
            // Each thread reserves address space, and that is what is limited.
            .env("RAYON_NUM_THREADS", cores.min(THREADS).to_string())
            .args(&self.arguments)
            .args([self.memory.to_string(), seconds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Feeds it, listens to it, and ends it where it takes too long.
    fn watch(&self, mut child: Child, component: &[u8]) -> std::io::Result<Ended> {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (answers, answered) = mpsc::sync_channel(1);
        thread::scope(|scope| {
            let thread = || thread::Builder::new().name("azud-compiler".into());
            let threads = || {
                thread().spawn_scoped(scope, move || {
                    // One that does not read it has ended, and says itself why.
                    let _ = stdin.map(|mut stdin| stdin.write_all(component));
                })?;
                thread().spawn_scoped(scope, move || {
                    // Nobody listens any more where it took too long.
                    let _ = answers.send(read(stdout, CODE));
                })?;
                thread().spawn_scoped(scope, move || read(stderr, WORDS))
            };
            let words = match threads() {
                Ok(words) => words,
                Err(error) => {
                    let _ = end(&mut child);
                    return Err(error);
                }
            };
            let answer = answered.recv_timeout(self.time).ok();
            let status = match answer {
                Some(_) => goodbye(&mut child),
                None => end(&mut child),
            };
            Ok(Ended {
                answer,
                words: words.join().unwrap_or_default(),
                status: status?,
            })
        })
    }

    fn judge(&self, name: &str, ended: Ended) -> Result<Pages, LoadError> {
        let too_long = || LoadError::CompileTime {
            name: name.into(),
            limit: self.time,
        };
        let too_much = || LoadError::CompileMemory {
            name: name.into(),
            limit: self.memory,
        };
        let mut answer = ended.answer.ok_or_else(too_long)?;
        if let Some(code) = Kind::Code.open(&answer).map(<[u8]>::len) {
            answer.truncate(code);
            return Ok(answer);
        }
        let words = String::from_utf8_lossy(&ended.words);
        let refusal = Kind::Refusal.open(&answer).map(String::from_utf8_lossy);
        // As Rust says it before it aborts, and as the system calls it.
        let no_memory = [
            "memory allocation of",
            "Cannot allocate memory",
            "out of memory",
        ];
        let told = refusal.as_deref().unwrap_or(&words);
        match refusal {
            _ if no_memory.iter().any(|text| told.contains(text)) => Err(too_much()),
            _ if spent_its_time(ended.status) => Err(too_long()),
            Some(reason) => Err(LoadError::Compile {
                name: name.into(),
                reason: log::clean(&reason, crate::limits::REASON),
            }),
            None => Err(LoadError::Compiler {
                name: name.into(),
                reason: last_words(ended.status, &words),
            }),
        }
    }
}

fn read(from: Option<impl Read>, limit: u64) -> Pages {
    let mut pages = Pages::default();
    // What cannot be read is missing, and then there is no seal.
    let _ = from.map(|from| pages.read(from, limit));
    pages
}

/// Waits for the end of one that has answered, but not for long.
fn goodbye(child: &mut Child) -> std::io::Result<ExitStatus> {
    for _ in 0..GOODBYE {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(1));
    }
    end(child)
}

fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    child.kill()?;
    child.wait()
}

#[cfg(unix)]
fn spent_its_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(rustix::process::Signal::XCPU.as_raw())
}

#[cfg(not(unix))]
fn spent_its_time(_: ExitStatus) -> bool {
    false
}

/// `exit status: 101; it said: ...`
fn last_words(status: ExitStatus, words: &str) -> String {
    let line = words.lines().map(str::trim).rfind(|line| !line.is_empty());
    match line {
        None => format!("it ended with {status}"),
        Some(line) => format!(
            "it ended with {status}, and said: {}",
            log::clean(line, SHOWN)
        ),
    }
}
