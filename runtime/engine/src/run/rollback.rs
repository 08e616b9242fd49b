//! Running a plan, attempt by attempt: an epoch that fails before its record is rolled
//! back, and computed again by the running process as by one that has started anew.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use azud_connect::{Backoff, Replay};
use azud_model::{Error, ErrorKind, Position, Result};
use azud_state::Before;
use tokio::runtime::{Builder, Runtime};

use super::report::EpochReport;
use super::trigger::Stop;
use crate::plan::Plan;

/// So often an epoch is rolled back before the pipeline stops.
const ROLLBACKS: u32 = 5;

/// How a plan is run.
pub struct RunOptions {
    /// Asks the run to drain.
    pub stop: Stop,
    /// Nodes that may start anew where a checkpoint does not fit them, and sinks that may
    /// put aside what another run has left: `--allow-reset`.
    pub allow_reset: Vec<String>,
    /// Counts the records that are read, for whoever shows progress.
    pub progress: Arc<AtomicU64>,
    /// Called after every epoch's commit.
    pub on_epoch: Box<dyn FnMut(&EpochReport) + Send>,
}

/// An attempt, and what is known of it once it has failed.
pub(crate) struct Attempt {
    /// From 0.
    pub(crate) number: u64,
    /// Whether `--allow-reset` counts: until sinks have been told where they are.
    pub(crate) allows_reset: bool,
    /// The checkpoint, which nobody else takes until the next attempt.
    pub(crate) before: Mutex<Option<Before>>,
    /// Whether sinks have been told where they are.
    pub(super) has_come_back: AtomicBool,
    /// Whether an epoch may be recorded and not committed: nothing may be rolled back then.
    /// So it is also until the checkpoint has told.
    pub(super) unsettled: AtomicBool,
    /// How many epochs it has committed.
    pub(super) committed: AtomicU64,
}

/// The epochs that were rolled back since the last one that was committed.
#[derive(Default)]
struct Rollbacks {
    count: u32,
    /// Why the last one was, until the attempt after it has come back.
    reason: Option<Error>,
    backoff: Backoff,
}

// === impl Plan ===

impl Plan {
    /// Runs the pipeline until its sources end, it is asked to stop, or it
    /// fails. Blocks; answers where each partition would go on.
    ///
    /// # Errors
    /// Whatever stopped it. What was not committed is rolled back.
    pub fn run(self, mut options: RunOptions) -> Result<Vec<Position>> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("azud-io")
            .enable_all()
            .build()
            .map_err(|error| Error::internal("cannot start the i/o threads").because(error))?;
        let outcome = self.attempts(&runtime, &mut options);
        // A reader may sit in a blocking read: nothing waits for it.
        runtime.shutdown_background();
        outcome.map(Option::unwrap_or_default)
    }

    fn attempts(
        &self,
        runtime: &Runtime,
        options: &mut RunOptions,
    ) -> Result<Option<Vec<Position>>> {
        let mut rollbacks = Rollbacks::default();
        let sources = self.journaled();
        let mut attempt = Arc::new(Attempt::first());
        loop {
            let outcome = self.attempt(runtime, options, &attempt, &sources);
            // What is recorded is finished by whoever runs next, and may not be rolled back:
            // nor by one that has not come back yet, or that another run keeps out.
            if !matches!(outcome, Ok(Some(_))) && !attempt.unsettled.load(Ordering::Acquire) {
                runtime.block_on(self.abort());
            }
            // A member of a group goes on from what the group has committed.
            let comes_back = self.checkpoint.is_some() || self.shared;
            let error = match (outcome, rollbacks.reason.take()) {
                // Whoever has the partitions of a member that ends goes on with them.
                (Ok(None), Some(reason)) if !self.shared => return Err(stopped(reason)),
                (Err(error), _) if error.kind() == ErrorKind::Aborted && comes_back => error,
                (outcome, _) => return outcome,
            };
            if attempt.committed.load(Ordering::Acquire) > 0 {
                rollbacks = Rollbacks::default();
            }
            self.tell_lost();
            let went_on = runtime.block_on(rollbacks.go_on(error, &options.stop, !self.shared));
            if self.shared && options.stop.is_requested() {
                return Ok(None);
            }
            went_on?;
            self.cancel.renew();
            attempt = Arc::new(attempt.next());
        }
    }

    /// A source that cannot be asked again, and has no journal, has lost the epoch.
    fn tell_lost(&self) {
        for (number, plan) in self.sources.iter().enumerate() {
            if plan.journal.is_none() && plan.source.replay() == Replay::Never {
                let name = self.source_name(number);
                tracing::warn!(
                    "source `{name}` has no journal: what it gave since the last epoch is lost"
                );
            }
        }
    }

    /// Rolls back what no epoch's record has: called when nothing writes any more.
    async fn abort(&self) {
        for (number, plan) in self.sinks.iter().enumerate() {
            if let Err(error) = plan.sink.abort().await {
                let name = self.sink_name(number);
                tracing::warn!("sink `{name}` could not roll back: {error}");
            }
        }
    }
}

// === impl Attempt ===

impl Attempt {
    fn first() -> Self {
        Self {
            number: 0,
            allows_reset: true,
            before: Mutex::default(),
            has_come_back: AtomicBool::new(false),
            unsettled: AtomicBool::new(true),
            committed: AtomicU64::new(0),
        }
    }

    fn next(&self) -> Self {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let committed = self.committed.load(Ordering::Acquire);
        Self {
            number: self.number + 1,
            allows_reset: self.allows_reset && !self.has_come_back.load(Ordering::Acquire),
            before: Mutex::new(before.as_ref().map(|before| before.after(committed))),
            ..Self::first()
        }
    }
}

// === impl Rollbacks ===

impl Rollbacks {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The same one, if the epoch was rolled back too often, or the run was asked to stop
    /// meanwhile: what it had read is not committed.
    async fn go_on(&mut self, error: Error, stop: &Stop, is_counted: bool) -> Result<()> {
        self.count += 1;
        // That partitions move is nobody's mistake, however often.
        if is_counted && self.count > ROLLBACKS {
            return Err(error.within(format!(
                "the epoch was rolled back {ROLLBACKS} times in a row"
            )));
        }
        let pause = self.backoff.pause();
        tracing::warn!(
            "{error}: the epoch is rolled back, and computed again in {} ms",
            pause.as_millis()
        );
        tokio::select! {
            () = stop.requested() => Err(stopped(error)),
            () = tokio::time::sleep(pause) => {
                self.reason = Some(error);
                Ok(())
            }
        }
    }
}

fn stopped(error: Error) -> Error {
    error.within("stopped before the last epoch was computed again, which the next run will do")
}

impl std::fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunOptions").finish_non_exhaustive()
    }
}
