//! When an epoch ends, and how a run is asked to stop.

use std::time::Duration;

use azud_model::Clock;
use tokio::sync::watch;

/// What ends epochs: `trigger:` of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The data: every source is read to its present end.
    Once,
    /// A clock that ticks this often, at multiples of the interval since 1970.
    Every(Duration),
    /// As soon as it pays: so often, and earlier where a source's share is used up.
    Continuous(Duration),
    /// A test's sources, and nothing else; `looks`: whether the clock makes sources idle.
    Steps { looks: bool },
}

/// How often an epoch ends with [`Trigger::Continuous`], unless `checkpoint.every` says otherwise.
pub(crate) const CONTINUOUS: Duration = Duration::from_secs(1);

/// Asks a run to drain: sources stop, what they gave is processed and committed.
#[derive(Clone, Debug)]
pub struct Stop {
    requested: watch::Sender<bool>,
}

// === impl Trigger ===

impl Trigger {
    /// Whether the sources are read to their present end only.
    pub(crate) fn finite(self) -> bool {
        self == Self::Once
    }

    /// Whether a test leads the run: whoever reads its outcome need not be told how it goes.
    pub(super) fn is_by_hand(self) -> bool {
        matches!(self, Self::Steps { .. })
    }

    /// Whether the clock says which sources are idle: what `once` gives depends on no clock.
    pub(super) fn looks(self) -> bool {
        match self {
            Self::Once => false,
            Self::Every(_) | Self::Continuous(_) => true,
            Self::Steps { looks } => looks,
        }
    }

    /// The tick after `last`: wall time in milliseconds, and how long until then. One that has
    /// passed while an epoch was committed is due at once; of several, the latest.
    pub(super) fn next_tick(self, clock: &dyn Clock, last: Option<i64>) -> Option<(i64, Duration)> {
        if matches!(self, Self::Once | Self::Steps { .. }) {
            return None;
        }
        let interval = self.interval_ms();
        let now = clock.wall_ms();
        let passed = now.div_euclid(interval).saturating_mul(interval);
        if last.is_some_and(|last| passed > last) {
            return Some((passed, Duration::ZERO));
        }
        let tick = passed.saturating_add(interval);
        let wait = u64::try_from(tick.saturating_sub(now)).unwrap_or(0);
        Some((tick, Duration::from_millis(wait)))
    }

    /// The time between two ticks, in milliseconds.
    pub(super) fn interval_ms(self) -> i64 {
        let interval = match self {
            Self::Once | Self::Steps { .. } => CONTINUOUS,
            Self::Continuous(interval) | Self::Every(interval) => interval,
        };
        i64::try_from(interval.as_millis())
            .unwrap_or(i64::MAX)
            .max(1)
    }

    /// Whether an epoch may end at any moment, so that nobody need wait for its end.
    pub(super) fn ends_at_once(self) -> bool {
        matches!(self, Self::Continuous(_))
    }

    /// Whether an epoch ends when every source has used up its share of it.
    pub(super) fn ends_when_full(self) -> bool {
        !matches!(self, Self::Every(_))
    }
}

// === impl Stop ===

impl Default for Stop {
    fn default() -> Self {
        Self {
            requested: watch::Sender::new(false),
        }
    }
}

impl Stop {
    /// Asks for it. More than once is the same as once.
    pub fn request(&self) {
        self.requested.send_replace(true);
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    pub(super) async fn requested(&self) {
        let mut requested = self.requested.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = requested.wait_for(|requested| *requested).await;
    }
}

#[cfg(test)]
mod tests {
    use azud_model::ManualClock;

    use super::*;

    #[test]
    fn ticks_are_multiples_of_the_interval() {
        let clock = ManualClock::at(10_001);
        let every = Trigger::Every(Duration::from_secs(5));
        let tick = every.next_tick(&clock, None);
        assert_eq!(tick, Some((15_000, Duration::from_millis(4_999))));
        clock.advance(Duration::from_millis(4_999));
        let tick = every.next_tick(&clock, Some(15_000));
        assert_eq!(tick, Some((20_000, Duration::from_secs(5))));
        assert_eq!(Trigger::Once.next_tick(&clock, None), None);
        let steps = Trigger::Steps { looks: true };
        assert_eq!(
            steps.next_tick(&clock, None),
            None,
            "a test waits for no clock"
        );
        assert!(steps.ends_when_full() && steps.looks());
    }

    #[test]
    fn a_tick_that_has_passed_is_due_at_once_and_only_one() {
        let clock = ManualClock::at(26_000);
        let every = Trigger::Every(Duration::from_secs(5));
        let tick = every.next_tick(&clock, Some(10_000));
        assert_eq!(tick, Some((25_000, Duration::ZERO)));
        let tick = every.next_tick(&clock, Some(25_000));
        assert_eq!(tick, Some((30_000, Duration::from_secs(4))));
    }
}
