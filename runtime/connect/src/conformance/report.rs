//! What the kit found.

use std::fmt;
use std::time::Duration;

use azud_model::Result;

/// A case that has not ended by then hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// How a case went: what differed is its error.
pub(super) type Outcome<T = ()> = std::result::Result<T, String>;

/// Whether a case was run.
pub(super) enum Ran {
    /// It was, and all is well.
    Yes,
    /// The fixture does not promise what it asks, for this reason.
    Skipped(&'static str),
}

/// The cases of a kit that were run without a failure, and those that were not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The names of the cases that were run.
    pub passed: Vec<&'static str>,
    /// The names of the cases that were not run.
    pub skipped: Vec<&'static str>,
}

/// One case that failed.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name.
    pub case: &'static str,
    /// With which seed, where it is random, and what differed.
    pub what: String,
}

/// All cases that failed: shown as lines of text, also by `unwrap`.
#[derive(Clone, PartialEq, Eq)]
pub struct Failures(pub Vec<Failure>);

/// Collects outcomes.
#[derive(Default)]
pub(super) struct Tally {
    report: Report,
    failures: Vec<Failure>,
}

// === impl Tally ===

impl Tally {
    /// Runs a case, and notes how it went.
    pub(super) async fn run(
        &mut self,
        case: &'static str,
        outcome: impl Future<Output = Outcome<Ran>>,
    ) {
        let what = match tokio::time::timeout(LIMIT, outcome).await {
            Ok(Ok(Ran::Yes)) => return self.report.passed.push(case),
            Ok(Ok(Ran::Skipped(why))) => {
                tracing::debug!("{case} is skipped: {why}");
                return self.report.skipped.push(case);
            }
            Ok(Err(what)) => what,
            Err(_) => format!("it has not ended within {} s", LIMIT.as_secs()),
        };
        self.failures.push(Failure { case, what });
    }

    pub(super) fn finish(self) -> std::result::Result<Report, Failures> {
        match self.failures.is_empty() {
            true => Ok(self.report),
            false => Err(Failures(self.failures)),
        }
    }
}

/// Says what was called when it failed.
pub(super) fn said<T>(what: &str, result: Result<T>) -> Outcome<T> {
    result.map_err(|error| format!("{what}: {error} ({:?})", error.kind()))
}

/// Names the seed of a random case.
pub(super) fn seeded<T>(seed: u64, outcome: Outcome<T>) -> Outcome<T> {
    outcome.map_err(|what| format!("seed {seed}: {what}"))
}

/// The first few of many, for a message.
pub(super) fn some_of<T: fmt::Debug>(all: &[T]) -> String {
    const SHOWN: usize = 10;
    match all.get(..SHOWN).filter(|shown| shown.len() < all.len()) {
        Some(shown) => format!("{shown:?} and {} more", all.len() - shown.len()),
        None => format!("{all:?}"),
    }
}

// === impl Failure ===

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.what)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Failures ===

impl Failures {
    /// The names of the cases that failed.
    pub fn cases(&self) -> Vec<&'static str> {
        self.0.iter().map(|failure| failure.case).collect()
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|failure| writeln!(f, "\n  {failure}"))
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failures {}
