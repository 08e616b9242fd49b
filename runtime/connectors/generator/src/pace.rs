//! So many rows a second, by the clock.

use std::time::Duration;

/// At a high rate, rows come together so often: fewer would cost more than they carry.
const TOGETHER: u128 = 10_000_000;

const SECOND: u128 = 1_000_000_000;

/// When each row is due. Whoever was held up catches up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rate: u64,
    start: Duration,
    first: u64,
}

// === impl Pace ===

impl Pace {
    /// Row `first` is due at `start`.
    pub(crate) fn new(rate: u64, start: Duration, first: u64) -> Self {
        Self {
            rate: rate.max(1),
            start,
            first,
        }
    }

    /// The row before which all are due.
    pub(crate) fn due(&self, now: Duration) -> u64 {
        let passed = now.saturating_sub(self.start).as_nanos();
        let due = passed * u128::from(self.rate) / SECOND + 1;
        self.first
            .saturating_add(u64::try_from(due).unwrap_or(u64::MAX))
    }

    /// How long to wait for `row`: until it is due, and then some to get more at once.
    pub(crate) fn wait(&self, now: Duration, row: u64) -> Duration {
        let rows = u128::from(row.saturating_sub(self.first));
        let due = (rows * SECOND).div_ceil(u128::from(self.rate));
        let together = due.div_ceil(TOGETHER) * TOGETHER;
        let wait = together.saturating_sub(now.saturating_sub(self.start).as_nanos());
        Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn rows_are_due_one_by_one() {
        let pace = Pace::new(10, ms(1000), 7);
        assert_eq!(pace.due(ms(1000)), 8);
        assert_eq!(pace.due(ms(1099)), 8);
        assert_eq!(pace.due(ms(1100)), 9);
        assert_eq!(pace.due(ms(11_000)), 108);
        assert_eq!(pace.wait(ms(1000), 8), ms(100));
        assert_eq!(pace.wait(ms(1060), 8), ms(40));
        assert_eq!(pace.wait(ms(1200), 8), ms(0));
    }

    #[test]
    fn at_a_high_rate_they_come_together() {
        let pace = Pace::new(1_000_000, ms(0), 0);
        assert_eq!(pace.wait(ms(0), 1), ms(10));
        assert_eq!(pace.due(ms(10)), 10_001);
        assert_eq!(pace.wait(ms(10), 10_001), ms(10));
    }
}
