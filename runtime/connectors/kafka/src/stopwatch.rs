//! How long somebody waits for brokers.

use std::time::{Duration, Instant};

/// Measures by the system's clock: how long brokers are waited for changes no row.
pub(crate) struct Stopwatch(Instant);

// === impl Stopwatch ===

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a time-out of the network is none of the pipeline's time"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
