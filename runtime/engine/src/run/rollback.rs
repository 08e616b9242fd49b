//! Running a plan, attempt by attempt: an epoch that fails before its record is rolled
//! back, and computed again by the running process as by one that has started anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use azud_connect::{Backoff, Replay};
use azud_model::{Error, ErrorKind, Position, Result};
use tokio::runtime::{Builder, Runtime};

use super::attempt::Attempt;
use super::now::Now;
use super::report::EpochReport;
use super::trigger::Stop;
use crate::control::Control;
use crate::plan::{Plan, PlanSource};
use crate::telemetry::Standstill;

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
    /// Asks the run for other versions of its plugins.
    pub control: Control,
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
        let telemetry = options.control.telemetry();
        telemetry.ends_by(options.stop.clone());
        let outcome = Arc::new(self).attempts(&runtime, &mut options);
        let ended = outcome.as_ref().map(drop).map_err(ToString::to_string);
        options.control.telemetry().ended(ended);
        options.control.end();
        // A reader may sit in a blocking read: nothing waits for it.
        runtime.shutdown_background();
        outcome.map(Option::unwrap_or_default)
    }

    fn attempts(
        self: Arc<Self>,
        runtime: &Runtime,
        options: &mut RunOptions,
    ) -> Result<Option<Vec<Position>>> {
        let mut rollbacks = Rollbacks::default();
        let telemetry = options.control.telemetry().clone();
        let mut now = Now::first(self);
        options.control.begin(now.running());
        loop {
            let (plan, attempt) = (now.plan.clone(), now.attempt.clone());
            let outcome = plan.attempt(runtime, options, &attempt, &now.sources, &mut now.kept);
            // What is recorded is finished by whoever runs next, and may not be rolled back:
            // nor by one that has not come back yet, or that another run keeps out.
            if !matches!(outcome, Ok(Some(_))) && !attempt.unsettled.load(Ordering::Acquire) {
                runtime.block_on(plan.abort());
            }
            let may_blame = !attempt.unsettled.load(Ordering::Acquire) && plan.can_compute_again();
            let outcome = match outcome {
                Ok(Some(ended)) if attempt.hands_over.load(Ordering::Acquire) => {
                    rollbacks = Rollbacks::default();
                    telemetry.stands(Standstill::Changes);
                    now.change(options, ended.readers);
                    continue;
                }
                Ok(ended) => Ok(ended.map(|ended| ended.positions)),
                Err(error) if now.change_back(options, &error) => {
                    telemetry.stands(Standstill::ChangesBack);
                    rollbacks = Rollbacks::default();
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Closed => Err(error),
                Err(error) if attempt.swaps.attempt_failed(&error, may_blame) => {
                    telemetry.stands(Standstill::ChangesBack);
                    rollbacks = Rollbacks::default();
                    rollbacks.reason = Some(error);
                    now.again();
                    continue;
                }
                Err(error) if may_blame && put_aside(runtime, &attempt, &error) => {
                    rollbacks = Rollbacks::default();
                    rollbacks.reason = Some(error);
                    now.again();
                    continue;
                }
                Err(error) => Err(error),
            };
            // A member of a group goes on from what the group has committed.
            let comes_back = plan.checkpoint.is_some() || plan.shared;
            let error = match (outcome, rollbacks.reason.take()) {
                // Whoever has the partitions of a member that ends goes on with them.
                (Ok(None), Some(reason)) if !plan.shared => return Err(stopped(reason)),
                (Err(error), _) if error.kind() == ErrorKind::Aborted && comes_back => error,
                (outcome, _) => return outcome,
            };
            if attempt.committed.load(Ordering::Acquire) > 0 {
                rollbacks = Rollbacks::default();
            }
            plan.tell_lost();
            telemetry.stands(Standstill::RollsBack);
            let went_on = runtime.block_on(rollbacks.go_on(error, &options.stop, !plan.shared));
            if plan.shared && options.stop.is_requested() {
                return Ok(None);
            }
            went_on?;
            now.again();
        }
    }

    /// Whether an epoch that is rolled back can be computed again: nothing of it is lost.
    pub(crate) fn can_compute_again(&self) -> bool {
        let again = |source: &PlanSource| {
            source.journal.is_some() || source.source.replay() != Replay::Never
        };
        (self.checkpoint.is_some() || self.shared) && self.sources.iter().all(again)
    }

    /// A source that cannot be asked again, and has no journal, has lost the epoch.
    pub(super) fn tell_lost(&self) {
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

/// Whether rows that were replayed with the epoch that has failed are put aside: where rows are
/// rejected and nobody reads them, the pipeline goes on without what it was without before.
fn put_aside(runtime: &Runtime, attempt: &Attempt, error: &Error) -> bool {
    if error.kind() != ErrorKind::Data {
        return false;
    }
    let aside = runtime.block_on(attempt.replays.put_aside(error));
    let aside = aside.unwrap_or_else(|error| {
        tracing::warn!("dead letters could not be put aside: {error}");
        false
    });
    if aside {
        tracing::warn!("{error}: what is replayed is put aside, and the epoch is computed again");
    }
    aside
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
