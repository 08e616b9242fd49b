//! What a row usually costs: how long to wait for rows among which one may loop.

use std::time::Duration;

/// While rows are halved to find a looping one, a call may take this many times
/// what its rows usually take: a whole deadline each would take a minute.
const FACTOR: f64 = 50.0;

/// But never less than this: one tick of the sandbox.
const LEAST: Duration = Duration::from_millis(10);

/// What a row has at least before it is rejected for its time: a busy machine
/// may stop a lane for a while.
const LONE: Duration = Duration::from_millis(200);

/// What a call has that only shall tell whether it works.
const PROBE: Duration = Duration::from_millis(20);

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

    /// Whether any row has ever gone well.
    pub(super) fn is_known(&self) -> bool {
        self.rows > 0
    }

    /// How long a call with a part of the rows is waited for. One that fails for
    /// its time alone is only cut further, so where nothing is known this is short.
    pub(super) fn of_part(&self, rows: usize, limit: Duration) -> Duration {
        self.usual(rows).unwrap_or(PROBE).max(LEAST).min(limit)
    }

    /// How long a row that is alone is waited for: beyond that it is rejected,
    /// so where nothing is known this is the limit.
    pub(super) fn of_lone(&self, limit: Duration) -> Duration {
        self.usual(1).unwrap_or(limit).max(LONE).min(limit)
    }

    /// How long a whole batch is waited for after a call that looped.
    pub(super) fn of_suspect(&self, rows: usize, limit: Duration) -> Duration {
        self.usual(rows).unwrap_or(limit).max(LONE).min(limit)
    }

    /// How long a row is waited for that only shall tell whether the plugin works.
    pub(super) fn of_probe(&self, limit: Duration) -> Duration {
        self.usual(1).unwrap_or(PROBE).max(PROBE).min(limit)
    }

    /// Many times what so many rows took so far, in whole milliseconds.
    fn usual(&self, rows: usize) -> Option<Duration> {
        if !self.is_known() {
            return None;
        }
        let a_row = self.time.as_secs_f64() / self.rows as f64;
        let ms = (a_row * rows as f64 * FACTOR * 1e3).ceil();
        // Saturates, as all casts of a float do.
        Some(Duration::from_millis(ms as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn parts_follow_what_rows_took() {
        let (limit, mut cost) = (ms(1_000), Cost::default());
        assert_eq!(cost.of_part(10, limit), ms(20), "nothing is known");
        cost.note(1_000, ms(1));
        assert_eq!(cost.of_part(10, limit), ms(10), "a tick at least");
        assert_eq!(cost.of_part(2_000, limit), ms(100));
        assert_eq!(cost.of_part(100_000, limit), limit, "the limit at most");
        assert_eq!(cost.of_part(1, ms(5)), ms(5), "the limit at most");
    }

    #[test]
    fn a_lone_row_has_its_time() {
        let (limit, mut cost) = (ms(1_000), Cost::default());
        assert_eq!(cost.of_lone(limit), limit, "nothing is known");
        cost.note(1_000, ms(1));
        assert_eq!(cost.of_lone(limit), ms(200));
        assert_eq!(cost.of_lone(ms(50)), ms(50), "the limit at most");
        cost.note(1_000, ms(19_999));
        assert_eq!(cost.of_lone(limit), ms(500), "many times what a row takes");
        assert_eq!(cost.of_suspect(2, limit), limit);
        assert_eq!(cost.of_probe(limit), ms(500));
    }
}
