//! How many of the rows that pass are shown.

use std::time::Duration;

/// A row, in what may be shown in a microsecond at a rate of 1.
const A_ROW: u64 = 1_000_000;

/// Rows that may be shown: a second's worth at once, then by the time that passes.
#[derive(Debug)]
pub(super) struct Pace {
    rate: u64,
    /// What may be shown now, in millionths of a row.
    room: u64,
    /// When that was.
    at: Duration,
}

// === impl Pace ===

impl Pace {
    /// At most so many rows a second, from now on.
    pub(super) fn new(rate: u32, now: Duration) -> Self {
        let rate = u64::from(rate);
        Self {
            rate,
            room: rate * A_ROW,
            at: now,
        }
    }

    /// Of `rows` that pass now, how many are shown.
    pub(super) fn take(&mut self, rows: usize, now: Duration) -> usize {
        // Lanes may come out of order.
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let passed = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        let more = passed.saturating_mul(self.rate);
        self.room = self.room.saturating_add(more).min(self.rate * A_ROW);
        let taken = (rows as u64).min(self.room / A_ROW);
        self.room -= taken * A_ROW;
        taken as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_at_once_then_by_time() {
        let at = Duration::from_millis;
        let mut pace = Pace::new(10, at(0));
        assert_eq!(pace.take(3, at(0)), 3);
        assert_eq!(pace.take(1_000, at(0)), 7);
        assert_eq!(pace.take(1_000, at(99)), 0);
        assert_eq!(pace.take(1_000, at(200)), 2);
        // Earlier than another lane: no time has passed.
        assert_eq!(pace.take(1_000, at(150)), 0);
        assert_eq!(pace.take(1_000, at(3_600_000)), 10);
    }

    #[test]
    fn fewer_rows_than_the_rate_are_all_shown() {
        let mut pace = Pace::new(10, Duration::ZERO);
        let shown = (1..=100).map(|second| pace.take(10, Duration::from_secs(second)));
        assert_eq!(shown.sum::<usize>(), 1_000);
    }
}
