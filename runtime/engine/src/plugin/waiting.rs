//! Rows that wait for more, so that a plugin is not called for every few of them.

use std::sync::Arc;
use std::time::Duration;

use azud_model::{Batch, Clock, Result};

/// Bytes that need not wait: a call with more of them costs no less a row, and what a processor
/// has at hand is less.
pub(super) const ENOUGH: usize = 256 << 10;

/// Batches of one partition, held back until they are many or old.
pub(super) struct Waiting {
    max_wait: Duration,
    max_bytes: usize,
    clock: Arc<dyn Clock>,
    batches: Vec<Batch>,
    rows: usize,
    bytes: usize,
    /// When the first of them came.
    since: Duration,
}

// === impl Waiting ===

impl Waiting {
    pub(super) fn new(max_wait: Duration, max_bytes: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            max_wait,
            max_bytes,
            clock,
            batches: Vec::new(),
            rows: 0,
            bytes: 0,
            since: Duration::ZERO,
        }
    }

    /// Adds rows; answers what need not wait any longer.
    pub(super) fn add(&mut self, batch: Batch, max_rows: usize) -> Result<Vec<Batch>> {
        let mut ready = Vec::new();
        let first = self.batches.first();
        if first.is_some_and(|first| !first.is_alike(&batch)) {
            ready.extend(self.take()?);
        }
        if self.batches.is_empty() {
            self.since = self.clock.elapsed();
        }
        self.rows += batch.rows();
        self.bytes += batch.bytes();
        self.batches.push(batch);
        if self.rows >= max_rows || self.bytes >= self.max_bytes {
            ready.extend(self.take()?);
        }
        Ok(ready)
    }

    /// Everything that waits.
    pub(super) fn take(&mut self) -> Result<Option<Batch>> {
        (self.rows, self.bytes) = (0, 0);
        Batch::concat(&std::mem::take(&mut self.batches))
    }

    /// How long the first row may still wait.
    pub(super) fn wake_in(&self) -> Option<Duration> {
        let waited = self.clock.elapsed().saturating_sub(self.since);
        (!self.batches.is_empty()).then(|| self.max_wait.saturating_sub(waited))
    }
}
