//! What goes wrong, and in which call: counted in a journal, which outlives instances.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use azud_plugin::{Error, Result};
use serde::Deserialize;

/// `{ call: commit, from: 2, times: 1, how: trap }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Misbehave {
    /// `write`, `flush`, `recover`, `prepare`, `commit` or `abort`.
    call: String,
    /// In the how manieth of these, from 1.
    from: usize,
    /// In how many in a row.
    #[serde(default = "once")]
    times: usize,
    how: Harm,
}

/// How it goes wrong.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Harm {
    /// A panic, before anything is done.
    Trap,
    /// A panic, after everything is done.
    TrapAfter,
    /// Computes for ever.
    Hang,
    /// An error.
    Error,
    /// "Not now", in 10 ms.
    Retry,
    /// A token of more than 1 MiB.
    Token,
}

fn once() -> usize {
    1
}

impl Misbehave {
    pub(crate) fn is_due(&self, call: &str, count: usize) -> Option<Harm> {
        let due = self.call == call && (self.from..self.from + self.times).contains(&count);
        due.then_some(self.how)
    }
}

impl Harm {
    /// Does it; what comes back is an error.
    pub(crate) fn done(self, call: &str) -> Error {
        match self {
            Self::Trap | Self::TrapAfter => panic!("{call} trapped, as it was told"),
            Self::Hang => loop {
                std::hint::spin_loop();
            },
            _ => Error::new(format!("{call} failed, as it was told")),
        }
    }
}

/// Adds a line for a call; answers the how manieth of its kind it is.
pub(crate) fn tell(journal: &Path, call: &str, line: &str) -> Result<usize> {
    let path = journal.join("calls.txt");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    let told = fs::read_to_string(&path)?;
    let same = |line: &&str| line.split(' ').next() == Some(call);
    Ok(told.lines().filter(same).count())
}
