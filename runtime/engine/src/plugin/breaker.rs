//! When a plugin fails call after call, it is not the rows: the pipeline stops.

use std::time::Duration;

use azud_sandbox::GuestError;

/// After so many failures in a row, other rows are tried: a run of bad rows is no
/// reason to stop.
const SUSPECT: u32 = 32;

/// So many failures in a row stop the pipeline.
const OPEN: u32 = 48;

/// Calls of one lane that failed in a row. Lives as long as the lane: a plugin
/// that fails on every batch of one row must be found out as well.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// How long they took: of calls that loop, fewer are enough.
    time: Duration,
    /// Whether other rows were tried already.
    asked: bool,
    /// Whether the last call took too long.
    loops: bool,
}

// === impl Breaker ===

impl Breaker {
    /// A call went well.
    pub(super) fn worked(&mut self) {
        *self = Self::default();
    }

    /// A call failed. The plugin's own word for it says that it runs.
    pub(super) fn failed(&mut self, error: &GuestError, took: Duration) {
        if matches!(error, GuestError::Failed(_)) {
            return;
        }
        self.failures += 1;
        self.time = self.time.saturating_add(took);
        self.loops = matches!(error, GuestError::Deadline { .. });
    }

    /// Other rows of the same batch are known to work: starts to count anew.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.asked = false;
    }

    /// Other rows were tried, in vain.
    pub(super) fn asked(&mut self) {
        self.asked = true;
    }

    /// Whether the last call took too long.
    pub(super) fn loops(&self) -> bool {
        self.loops
    }

    /// Whether other rows should be tried now.
    pub(super) fn suspects(&self, patience: Duration) -> bool {
        !self.asked && (self.failures >= SUSPECT || self.time >= patience / 2)
    }

    /// Whether the pipeline must stop.
    pub(super) fn is_open(&self, patience: Duration) -> bool {
        self.failures >= OPEN || self.time >= patience
    }

    /// Why it must.
    pub(super) fn message(&self, plugin: &str, place: &str, error: &GuestError) -> String {
        let failures = self.failures;
        format!(
            "the plugin {plugin} failed {failures} calls in a row, the last with: {error}; \
             it fails on {place}: test it with that, look what it wants with \
             `azud inspect {plugin}`, or use another version of it"
        )
    }
}

/// How long calls may fail in a row: the first of them took a whole deadline. A plugin that has
/// never worked is given less; one that loops so, [`of_first`] for all rows and a deadline for a
/// row alone: others in the process want the core that it spins on.
pub(super) fn patience(has_worked: bool, loops: bool, limit: Duration) -> Duration {
    match (has_worked, loops) {
        (true, _) => limit.saturating_add(Duration::from_secs(10)),
        (false, true) => {
            let limit = limit.max(Duration::from_millis(500));
            of_first(limit).saturating_add(limit)
        }
        (false, false) => limit.max(Duration::from_secs(1)).saturating_mul(4),
    }
}

/// How long a plugin that has never worked may take for many rows: if it loops whatever it is
/// given, a neighbour shall have its cores back within two deadlines.
pub(super) fn of_first(limit: Duration) -> Duration {
    limit / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(4);

    fn after(failures: u32, took: Duration) -> Breaker {
        let mut breaker = Breaker::default();
        let error = GuestError::Trapped {
            reason: "so".into(),
        };
        (0..failures).for_each(|_| breaker.failed(&error, took));
        breaker
    }

    #[test]
    fn it_counts_failures_in_a_row() {
        assert!(!after(31, Duration::ZERO).suspects(PATIENCE));
        assert!(after(32, Duration::ZERO).suspects(PATIENCE));
        assert!(!after(47, Duration::ZERO).is_open(PATIENCE));
        let mut breaker = after(48, Duration::ZERO);
        assert!(breaker.is_open(PATIENCE));
        breaker.worked();
        assert!(!breaker.is_open(PATIENCE) && !breaker.suspects(PATIENCE));
    }

    #[test]
    fn it_asks_once_and_may_forgive() {
        let mut breaker = after(40, Duration::ZERO);
        breaker.asked();
        assert!(!breaker.suspects(PATIENCE));
        breaker.forgive();
        assert!(!breaker.suspects(PATIENCE) && !breaker.is_open(PATIENCE));
    }

    #[test]
    fn it_counts_the_time_of_few_but_long_calls() {
        assert!(!after(1, Duration::from_secs(1)).suspects(PATIENCE));
        assert!(after(2, Duration::from_secs(1)).suspects(PATIENCE));
        assert!(after(4, Duration::from_secs(1)).is_open(PATIENCE));
    }

    #[test]
    fn the_plugins_own_word_is_no_failure_of_it() {
        let mut breaker = Breaker::default();
        (0..100).for_each(|_| breaker.failed(&GuestError::Failed("no".into()), Duration::ZERO));
        assert!(!breaker.suspects(PATIENCE));
    }
}
