//! The rows of a node, over attempts and manifests.

use std::sync::Arc;

use super::observed::RowCounts;
use super::source::SourceMeter;
use crate::run::{Counts, NodeCounters};

/// A node of the manifest that runs, and what it has counted since the process began.
#[derive(Debug)]
pub(super) struct NodeRows {
    pub(super) name: Arc<str>,
    /// Of all committed epochs.
    committed: Counts,
    /// Of those that were committed when the attempt began.
    base: Counts,
    /// Of the attempt.
    counters: Arc<NodeCounters>,
    /// What was shown last.
    shown: Counts,
    /// Of a source.
    pub(super) source: Arc<SourceMeter>,
}

// === impl NodeRows ===

impl NodeRows {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            committed: Counts::default(),
            base: Counts::default(),
            counters: Arc::default(),
            shown: Counts::default(),
            source: Arc::default(),
        }
    }

    /// An attempt begins, and counts there: what the one before has not committed is rolled back.
    pub(super) fn begin(&mut self, counters: Arc<NodeCounters>) {
        self.base = self.committed;
        self.counters = counters;
    }

    /// An epoch is committed, of so many rows.
    pub(super) fn commit(&mut self, counted: Counts) {
        self.committed = self.committed.plus(counted);
    }

    /// Rows of all committed epochs.
    pub(super) fn committed(&self) -> RowCounts {
        self.committed.into()
    }

    /// The same, and those of epochs that are under way. It never goes down: after a rollback it
    /// stands still until what was rolled back is computed again.
    pub(super) fn live(&mut self) -> RowCounts {
        let now = self.base.plus(self.counters.read_live());
        self.shown = self.shown.max(now).max(self.committed);
        self.shown.into()
    }
}

impl From<Counts> for RowCounts {
    fn from(counts: Counts) -> Self {
        Self {
            rows_in: counts.rows_in,
            rows_out: counts.rows_out,
            rejected: counts.rejected,
            late: counts.late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows_in: u64) -> Counts {
        Counts {
            rows_in,
            ..Counts::default()
        }
    }

    #[test]
    fn what_is_rolled_back_and_computed_again_counts_once() {
        let mut node = NodeRows::new("n".into());
        let first: Arc<NodeCounters> = Arc::default();
        node.begin(first.clone());
        let lane = first.lane();
        lane.end_epoch(rows(10));
        node.commit(rows(10));
        lane.end_epoch(rows(7));
        lane.show(rows(2));
        assert_eq!((node.committed().rows_in, node.live().rows_in), (10, 19));
        // The attempt fails, and the next one goes on after the first epoch.
        let second: Arc<NodeCounters> = Arc::default();
        node.begin(second.clone());
        assert_eq!(node.live().rows_in, 19, "it never goes down");
        let lane = second.lane();
        lane.show(rows(8));
        assert_eq!(node.live().rows_in, 19);
        lane.end_epoch(rows(9));
        node.commit(rows(9));
        lane.show(rows(1));
        assert_eq!((node.committed().rows_in, node.live().rows_in), (19, 20));
    }
}
