//! The only way to the time: real, or moved by hand in tests.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time. Every other way is banned by lint, so that a run can be repeated.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
    fn wall_ms(&self) -> i64;
    /// Time since the clock was made; never goes back.
    fn elapsed(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    start_ms: i64,
    elapsed: Mutex<Duration>,
}

// === impl SystemClock ===

impl SystemClock {
    /// A clock whose [`Clock::elapsed`] starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

// === impl ManualClock ===

impl ManualClock {
    /// A clock that stands at `start_ms` milliseconds since 1970-01-01T00:00:00Z.
    pub fn at(start_ms: i64) -> Self {
        Self {
            start_ms,
            elapsed: Mutex::new(Duration::ZERO),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut elapsed = self
            .elapsed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *elapsed = elapsed.saturating_add(by);
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> i64 {
        let moved = i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(moved)
    }

    fn elapsed(&self) -> Duration {
        *self
            .elapsed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
