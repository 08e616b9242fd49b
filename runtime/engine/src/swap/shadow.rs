//! A version that runs beside the one that serves, on the same rows and on a thread of its own:
//! what it makes of them is compared and thrown away, so that nothing waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use azud_model::{Error, Result};
use crossbeam_channel::{Sender, TrySendError, bounded};
use serde::{Deserialize, Serialize};

/// Calls that may wait for the thread; more are left out.
const WAITING: usize = 4;

/// A call of the version that serves, to be made again by the other one; where that fails, a row to
/// blame is wanted or not.
pub(crate) type Job<T> = Box<dyn FnOnce(&mut T, bool) -> Compared + Send>;

/// The other version at work.
pub(crate) struct Shadow<T> {
    jobs: Sender<Job<T>>,
    compared: Arc<Mutex<Compared>>,
    left_out: AtomicU64,
}

/// What came of the comparison: times in microseconds, memory in bytes. Only calls that went well
/// with both versions are compared.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Calls that are compared.
    pub calls: u64,
    /// Calls that the new version was not given, because it was still at others.
    pub left_out: u64,
    /// The rows of those calls.
    pub rows: u64,
    /// Rows of which the new version made something else.
    pub differ: u64,
    /// Calls in which the new version failed, and the old one did not.
    pub failed: u64,
    /// The rows of those: nobody knows what the new version makes of them.
    #[serde(default)]
    pub failed_rows: u64,
    /// Calls in which the old version failed: these are not compared.
    pub failed_before: u64,
    /// Some of the rows that differ, and failures.
    pub examples: Vec<Example>,
    /// What the calls that are compared took together, of the old version and of the new one.
    pub micros: [u64; 2],
    /// The most memory that an instance had in them, of the old version and of the new one.
    pub memory: [u64; 2],
}

/// A row of which two versions make something else, or with which the new one fails.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The row that they were given; empty where a call failed, and not for a row that is known.
    pub row: String,
    /// What the old version made of it; empty where that is not known of the row alone.
    pub before: String,
    /// What the new version makes of it, or why it failed.
    pub now: String,
    /// Whether it failed.
    #[serde(default)]
    pub failed: bool,
}

/// So many examples are enough: of rows, and of failures.
const EXAMPLES: usize = 5;

/// Of so many calls that failed a row to blame is looked for: that takes calls, too.
const SEARCHED: u64 = 3;

// === impl Shadow ===

impl<T: Send + 'static> Shadow<T> {
    /// Starts the thread, which ends when the last one who could give it calls is gone.
    pub(super) fn start(node: &str, mut instance: T) -> Result<Self> {
        let (jobs, given) = bounded::<Job<T>>(WAITING);
        let compared: Arc<Mutex<Compared>> = Arc::default();
        let all = compared.clone();
        thread::Builder::new()
            .name(format!("shadow of {node}"))
            .spawn(move || {
                for job in given {
                    let seeks = lock(&all).failed < SEARCHED;
                    let of_job = job(&mut instance, seeks);
                    lock(&all).add(of_job);
                }
            })
            .map_err(|error| Error::internal("cannot start a thread").because(error))?;
        Ok(Self {
            jobs,
            compared,
            left_out: AtomicU64::new(0),
        })
    }

    /// Gives it a call, unless it has enough of them.
    pub(crate) fn offer(&self, job: Job<T>) {
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(job) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether it would take a call now: making one costs something.
    pub(crate) fn has_room(&self) -> bool {
        let room = !self.jobs.is_full();
        if !room {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        room
    }

    /// What has come of it so far.
    pub(super) fn compared(&self) -> Compared {
        Compared {
            left_out: self.left_out.load(Ordering::Relaxed),
            ..lock(&self.compared).clone()
        }
    }
}

// === impl Compared ===

impl Compared {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.rows += other.rows;
        self.differ += other.differ;
        self.failed += other.failed;
        self.failed_rows += other.failed_rows;
        self.failed_before += other.failed_before;
        for example in other.examples {
            // Failures are not hidden by rows that differ, nor these by them.
            let alike = self.examples.iter();
            let alike = alike.filter(|of| of.failed == example.failed);
            if alike.count() < EXAMPLES {
                self.examples.push(example);
            }
        }
        for (own, of) in self.micros.iter_mut().zip(other.micros) {
            *own += of;
        }
        for (own, of) in self.memory.iter_mut().zip(other.memory) {
            *own = (*own).max(of);
        }
    }

    /// Whether another example is wanted.
    pub(crate) fn wants_examples(&self) -> bool {
        self.examples.len() < EXAMPLES
    }
}

fn lock(compared: &Mutex<Compared>) -> MutexGuard<'_, Compared> {
    compared.lock().unwrap_or_else(PoisonError::into_inner)
}
