//! What a row usually costs: how long to wait for rows among which one may loop.

use std::time::Duration;

/// While rows are halved to find a looping one, a call may take this many times
/// what its rows usually take: a whole deadline each would take a minute.
const FACTOR: u32 = 50;

/// But never less than this: one tick of the sandbox.
const LEAST: Duration = Duration::from_millis(10);

/// The time that a plugin took for the rows that went well.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    rows: u64,
    time: Duration,
}

// === impl Cost ===

impl Cost {
    /// So many rows took so long.
    pub(super) fn note(&mut self, rows: usize, took: Duration) {
        self.rows = self.rows.saturating_add(rows as u64);
        self.time = self.time.saturating_add(took);
    }

    /// How long a call with so many rows is waited for, at most `limit`; all of
    /// `limit` where nothing is known yet.
    pub(super) fn deadline(&self, rows: usize, limit: Duration) -> Duration {
        if self.rows == 0 {
            return limit;
        }
        let a_row = self.time.as_secs_f64() / self.rows as f64;
        let seconds = a_row * rows as f64 * f64::from(FACTOR);
        Duration::try_from_secs_f64(seconds)
            .map_or(limit, |usual| usual.clamp(LEAST, limit.max(LEAST)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_rows_took() {
        let (ms, limit) = (Duration::from_millis, Duration::from_secs(1));
        let mut cost = Cost::default();
        assert_eq!(cost.deadline(10, limit), limit);
        cost.note(1_000, ms(1));
        assert_eq!(cost.deadline(10, limit), ms(10), "a tick at least");
        assert_eq!(cost.deadline(2_000, limit), ms(100));
        assert_eq!(cost.deadline(100_000, limit), limit, "the limit at most");
    }
}
