//! Rows in, out, rejected and late of every node, counted by all lanes.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of one node since the start.
#[derive(Debug, Default)]
pub(super) struct NodeCounters {
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    rejected: AtomicU64,
    late: AtomicU64,
}

/// Rows of one node: since the start, or of an epoch in one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) rows_in: u64,
    pub(super) rows_out: u64,
    pub(super) rejected: u64,
    pub(super) late: u64,
}

// === impl NodeCounters ===

impl NodeCounters {
    pub(super) fn add(&self, counted: Counts) {
        self.rows_in.fetch_add(counted.rows_in, Ordering::Relaxed);
        self.rows_out.fetch_add(counted.rows_out, Ordering::Relaxed);
        self.rejected.fetch_add(counted.rejected, Ordering::Relaxed);
        self.late.fetch_add(counted.late, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Counts {
        Counts {
            rows_in: self.rows_in.load(Ordering::Relaxed),
            rows_out: self.rows_out.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
        }
    }
}

impl Counts {
    /// What was counted since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            rows_in: self.rows_in.saturating_sub(earlier.rows_in),
            rows_out: self.rows_out.saturating_sub(earlier.rows_out),
            rejected: self.rejected.saturating_sub(earlier.rejected),
            late: self.late.saturating_sub(earlier.late),
        }
    }
}
