//! How often a sink plugin may fail, how long it may ask to wait, and what is told of it.

use std::sync::Arc;
use std::time::Duration;

use azud_model::{Clock, Error, Result};
use azud_sandbox::GuestError;

/// Between two lines of the log.
const SILENCE: Duration = Duration::from_secs(1);

/// Calls in a row that trap or do not answer, before the pipeline stops.
pub(super) const BREAKER: u32 = 8;

/// The least and the most that is waited before something is tried again.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
const MOST_PAUSE: Duration = Duration::from_secs(3_600);

/// What one who calls a plugin has had to bear.
pub(super) struct Patience {
    node: Arc<str>,
    failures: u32,
    pauses: u32,
    clock: Arc<dyn Clock>,
    /// When a line was told last, and how many were not since.
    told: Option<Duration>,
    untold: u64,
}

// === impl Patience ===

impl Patience {
    pub(super) fn new(node: Arc<str>, clock: Arc<dyn Clock>) -> Self {
        Self {
            node,
            failures: 0,
            pauses: 0,
            clock,
            told: None,
            untold: 0,
        }
    }

    /// A call that matters went well.
    pub(super) fn worked(&mut self) {
        self.failures = 0;
    }

    /// Something was taken: who asks to wait from now on begins anew.
    pub(super) fn took(&mut self) {
        self.pauses = 0;
    }

    /// Counts a call that failed.
    ///
    /// # Errors
    /// Where no fresh instance can help, and where too many in a row have failed.
    pub(super) fn failed(&mut self, error: GuestError) -> Result<GuestError> {
        let node = &self.node;
        match error {
            GuestError::Cancelled => {
                return Err(Error::closed(format!("node `{node}`: {error}")));
            }
            GuestError::Input { .. }
            | GuestError::Refused(_)
            | GuestError::Start { .. }
            | GuestError::Token { .. } => {
                return Err(Error::plugin(format!("node `{node}`: {error}")));
            }
            _ => {}
        }
        self.failures += 1;
        if self.failures >= BREAKER {
            return Err(Error::plugin(format!(
                "node `{node}`: the plugin failed {BREAKER} times in a row, the last time: {error}"
            )));
        }
        Ok(error)
    }

    /// How long to wait as the plugin asks for; said now and then.
    pub(super) fn pause(&mut self, after: Duration, reason: &str) -> Duration {
        self.pauses += 1;
        let after = after.clamp(LEAST_PAUSE, MOST_PAUSE);
        if self.pauses.is_power_of_two() {
            self.tell(&format!(
                "{reason}, trying again in {} ms",
                after.as_millis()
            ));
        }
        after
    }

    /// How long to wait after a call that failed, where nothing else is done before the next.
    pub(super) fn after_failure(&self) -> Duration {
        LEAST_PAUSE.saturating_mul(1 << self.failures.min(BREAKER))
    }

    /// A line for the log: one a second, as a plugin's own lines have a limit too.
    pub(super) fn tell(&mut self, line: &str) {
        let now = self.clock.elapsed();
        let due = self.told.is_none_or(|told| now >= told + SILENCE);
        if !due {
            self.untold += 1;
            return;
        }
        self.told = Some(now);
        let node = &self.node;
        match std::mem::take(&mut self.untold) {
            0 => tracing::warn!("node `{node}`: {line}"),
            untold => tracing::warn!("node `{node}`: {line} ({untold} such lines left out)"),
        }
    }

    /// An error that stops the pipeline.
    pub(super) fn stop(&self, what: impl std::fmt::Display) -> Error {
        Error::plugin(format!("node `{}`: {what}", self.node))
    }

    /// An error that another attempt at the epoch may not come to.
    pub(super) fn abort(&self, what: impl std::fmt::Display) -> Error {
        Error::aborted(format!("node `{}`: {what}", self.node))
    }

    /// The end of the pipeline, while something was waited for.
    pub(super) fn ended(&self, error: &GuestError) -> Error {
        Error::closed(format!("node `{}`: {error}", self.node))
    }
}
