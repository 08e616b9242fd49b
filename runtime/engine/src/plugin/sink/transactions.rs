//! A sink plugin with transactions: one instance, on a thread of its own, which the lane
//! offers rows to and the coordinator commits.
//!
//! ```text
//! lane          write* flush prepare(e) ... write* (waits)              handle.rs
//! thread        ---------------------------- | commit(e) | write* ...   here
//! coordinator                 record, commit(e)                         end.rs
//! ```

mod handle;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_model::{Clock, Error, Result};
use azud_sandbox::{CancellationToken, Flushed, GuestError, Outcome, Sink};

use super::patience::{BREAKER, Patience};
use crate::telemetry::{LaneMeter, MeterCell};
pub(crate) use handle::Handle;

/// The most that is waited for a rollback, at a time: the pipeline stops.
const ABORT_PAUSE: Duration = Duration::from_secs(1);

/// The plugin, and what it is in the middle of. Its thread alone has it.
pub(super) struct Transactions {
    node: Arc<str>,
    /// Whose transactions these are; empty without a checkpoint.
    run: String,
    sink: Sink,
    patience: Patience,
    /// Gives up calls: the pipeline ends.
    cancel: CancellationToken,
    /// Where calls are counted.
    meter: Arc<MeterCell>,
    /// The same, as it was with the last call.
    counts: Option<LaneMeter>,
    /// The last epoch that was recorded: a fresh instance rolls back what came after it.
    last: Option<u64>,
    /// Whether the instance has been told so.
    recovered: bool,
    /// Whether something was begun that is not prepared.
    begun: bool,
    prepared: Option<Sealed>,
    /// Whether it was aborted: nothing follows.
    over: bool,
}

/// An epoch between `prepare` and the end of `commit`.
struct Sealed {
    epoch: u64,
    token: Vec<u8>,
    /// Whether `commit` was asked for: it cannot be taken back any more.
    recorded: bool,
}

// === impl Transactions ===

impl Transactions {
    fn new(
        node: Arc<str>,
        sink: Sink,
        clock: Arc<dyn Clock>,
        cancel: CancellationToken,
        meter: Arc<MeterCell>,
    ) -> Self {
        Self {
            patience: Patience::new(node.clone(), clock),
            node,
            run: String::new(),
            sink,
            cancel,
            meter,
            counts: None,
            last: None,
            recovered: false,
            begun: false,
            prepared: None,
            over: false,
        }
    }

    /// Whether only the coordinator may go on: the next epoch's rows wait for the commit.
    fn waits_for_commit(&self) -> bool {
        self.prepared.is_some()
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<Outcome, GuestError> {
        self.begun = true;
        self.call(|sink| sink.write(batch))
    }

    pub(super) fn flush(&mut self) -> Result<Flushed, GuestError> {
        self.call(Sink::flush)
    }

    /// A token, or why the epoch fails.
    pub(super) fn prepare(&mut self, epoch: u64) -> Result<Result<Vec<u8>, String>, GuestError> {
        self.begun = true;
        let prepared = self.call(|sink| sink.prepare(epoch))?;
        if let Ok(token) = &prepared {
            self.begun = false;
            self.prepared = Some(Sealed {
                epoch,
                token: token.clone(),
                recorded: false,
            });
        }
        Ok(prepared)
    }

    pub(super) fn pause(&self, after: Duration) -> Result<(), GuestError> {
        self.sink.pause(after)
    }

    /// A pipeline with a checkpoint starts, or comes back.
    pub(super) fn recover(&mut self, run: String, last: Option<u64>) -> Result<()> {
        (self.run, self.last, self.recovered) = (run, last, false);
        while let Err(error) = self.roll_back() {
            self.failed(error)?;
        }
        self.patience.worked();
        Ok(())
    }

    /// The epoch is recorded: makes it visible, however many instances that takes.
    pub(super) fn commit(&mut self, epoch: u64, token: &[u8]) -> Result<()> {
        if let Some(sealed) = &mut self.prepared {
            if sealed.epoch != epoch {
                return Err(Error::internal(
                    "another epoch is committed than was prepared",
                ));
            }
            sealed.recorded = true;
        }
        self.last = Some(epoch);
        loop {
            match self.call(|sink| sink.commit(epoch, token)) {
                Ok(Flushed::Done) => {
                    self.patience.worked();
                    self.patience.took();
                    self.prepared = None;
                    return Ok(());
                }
                Ok(Flushed::RetryAfter { after, reason }) => {
                    let after = self.patience.pause(after, &reason);
                    let paused = self.pause(after);
                    paused.map_err(|error| self.patience.ended(&error))?;
                }
                Ok(Flushed::Failed(reason)) => {
                    return Err(self.patience.stop(format!(
                        "the plugin could not commit epoch {epoch}, which is recorded: {reason}; \
                         started again, the pipeline asks for it once more"
                    )));
                }
                Err(error) => self.failed(error)?,
            }
        }
    }

    /// The pipeline stops before a record: nothing of what was not recorded may stay.
    pub(super) fn abort(&mut self) -> Result<()> {
        // The pipeline's own token has given up all calls by now.
        self.over = true;
        self.sink.set_cancel(CancellationToken::new());
        let sealed = self.prepared.take();
        let rolled_back = match sealed {
            Some(sealed) if sealed.recorded => return Ok(()),
            Some(Sealed { epoch, token, .. }) if self.recovered => {
                self.aborted(|sink, _| sink.abort(epoch, &token))
            }
            None if !self.begun => return Ok(()),
            _ => {
                // What was begun has no token: a fresh instance finds it.
                self.sink.renew();
                let (run, node) = (self.run.clone(), self.node.clone());
                self.aborted(move |sink, last| sink.recover(&run, &node, last))
            }
        };
        self.begun = false;
        rolled_back.map_err(|reason| {
            self.patience.stop(format!(
                "the plugin could not roll back what was not recorded, and is asked to \
                 when the pipeline starts again: {reason}"
            ))
        })
    }

    /// Asks for a rollback, a few times.
    fn aborted(
        &mut self,
        mut call: impl FnMut(&mut Sink, Option<u64>) -> Result<Flushed, GuestError>,
    ) -> Result<(), String> {
        let mut reason = String::new();
        for _ in 0..BREAKER {
            match call(&mut self.sink, self.last) {
                Ok(Flushed::Done) => return Ok(()),
                Ok(Flushed::Failed(reason)) => return Err(reason),
                Err(error) => return Err(error.to_string()),
                Ok(Flushed::RetryAfter { after, reason: why }) => {
                    let after = self.patience.pause(after.min(ABORT_PAUSE), &why);
                    self.pause(after).map_err(|error| error.to_string())?;
                    reason = why;
                }
            }
        }
        Err(reason)
    }

    /// Calls an instance that knows whose it is.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Sink) -> Result<T, GuestError>,
    ) -> Result<T, GuestError> {
        if self.over || self.cancel.is_cancelled() {
            return Err(GuestError::Cancelled);
        }
        if !self.recovered {
            self.roll_back()?;
        }
        let meter = self.lane_meter();
        let began = meter.begins();
        let answer = call(&mut self.sink);
        meter.ends(began, &answer, 0);
        self.counts = Some(meter);
        // An instance that failed is gone: the next one has to be told.
        self.recovered = answer.is_ok();
        answer
    }

    /// Where calls are counted: a manifest that takes over may move it.
    fn lane_meter(&mut self) -> LaneMeter {
        let meter = self.meter.get();
        let counts = self.counts.take().filter(|counts| counts.is_of(&meter));
        counts.unwrap_or_else(|| LaneMeter::new(meter))
    }

    /// Tells a fresh instance what was recorded last; it rolls back what came after it.
    fn roll_back(&mut self) -> Result<(), GuestError> {
        loop {
            match self.sink.recover(&self.run, &self.node, self.last)? {
                Flushed::Done => {
                    self.recovered = true;
                    return Ok(());
                }
                Flushed::RetryAfter { after, reason } => {
                    let after = self.patience.pause(after, &reason);
                    self.pause(after)?;
                }
                Flushed::Failed(reason) => {
                    return Err(GuestError::Start {
                        reason: format!(
                            "the plugin could not roll back what was not recorded: {reason}"
                        ),
                    });
                }
            }
        }
    }

    /// Waits after a call that failed, or gives up.
    fn failed(&mut self, error: GuestError) -> Result<()> {
        let error = self.patience.failed(error)?;
        let line = format!("{error}; going on with a fresh instance");
        self.patience.tell(&line);
        let paused = self.pause(self.patience.after_failure());
        paused.map_err(|error| self.patience.ended(&error))
    }
}
