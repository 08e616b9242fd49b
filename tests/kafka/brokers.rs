//! `tests/services/kafka`: a cluster of a test's own, or the one that most tests share.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// A cluster; it ends with the process, whose pipe it reads, or when it is dropped.
pub(crate) struct Brokers {
    told: BTreeMap<String, String>,
    talk: Mutex<Talk>,
    _child: Child,
}

/// Commands, and their answers. Both pipes stay open: the cluster ends with either.
struct Talk {
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

// === impl Brokers ===

impl Brokers {
    /// One broker for every test that breaks nothing; `None`, and a word why, where it cannot be had.
    pub(crate) fn shared() -> Option<&'static Self> {
        static BROKERS: OnceLock<Option<Brokers>> = OnceLock::new();
        BROKERS.get_or_init(|| Self::start(&[])).as_ref()
    }

    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let mut child = Command::new(script())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let lines = answers.by_ref().map(|line| line.unwrap());
        let told: BTreeMap<String, String> = lines
            .take_while(|line| line != "ready")
            .filter_map(|line| {
                let (name, value) = line.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect();
        if told.is_empty() {
            let status = child.wait().unwrap();
            // It has told the reason.
            assert_eq!(status.code(), Some(3), "tests/services/kafka: {status}");
            println!("skipped: there is no Kafka here");
            return None;
        }
        Some(Self {
            told,
            talk: Mutex::new(Talk { commands, answers }),
            _child: child,
        })
    }

    /// Where the brokers are that ask for nothing.
    pub(crate) fn servers(&self) -> &str {
        self.of("KAFKA")
    }

    /// What the script has told by that name.
    pub(crate) fn of(&self, name: &str) -> &str {
        &self.told[name]
    }

    /// `kill 1`, as the script's head says; returns once it is done.
    pub(crate) fn tell(&self, command: &str) {
        let mut talk = self.talk.lock().unwrap();
        writeln!(talk.commands, "{command}").unwrap();
        let answer = talk.answers.next().unwrap().unwrap();
        assert_eq!(answer, format!("done {command}"));
    }
}

/// The script, from whichever crate asks.
fn script() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut scripts = here.map(|folder| folder.join("tests/services/kafka"));
    scripts.find(|script| script.is_file()).unwrap()
}
