//! Rows in, out, rejected and late of every node, counted by all lanes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counts of one node since the attempt began.
#[derive(Debug, Default)]
pub(crate) struct NodeCounters {
    /// Of epochs that lanes have ended: so they never mix two.
    ended: Cells,
    /// For each lane, and each part of the node there, what the epoch under way adds to them.
    under_way: Mutex<Vec<Arc<Cells>>>,
}

/// Where a lane counts the rows of a part of a node.
#[derive(Debug)]
pub(crate) struct LaneCounters {
    node: Arc<NodeCounters>,
    under_way: Arc<Cells>,
}

/// Rows of one node: since some moment, or of an epoch in one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) rejected: u64,
    pub(crate) late: u64,
}

#[derive(Debug, Default)]
struct Cells {
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    rejected: AtomicU64,
    late: AtomicU64,
}

// === impl NodeCounters ===

impl NodeCounters {
    /// Where one more part of the node counts.
    pub(crate) fn lane(self: &Arc<Self>) -> LaneCounters {
        let under_way: Arc<Cells> = Arc::default();
        self.lanes().push(under_way.clone());
        LaneCounters {
            node: self.clone(),
            under_way,
        }
    }

    /// Of epochs that lanes have ended.
    pub(crate) fn read(&self) -> Counts {
        self.ended.read()
    }

    /// The same, and what has been counted since. Asked while lanes are at work it may lack an
    /// epoch that a lane is just ending, and never has a row twice.
    pub(crate) fn read_live(&self) -> Counts {
        // In this order: see `LaneCounters::end_epoch`.
        let ended = self.ended.read();
        let lanes = self.lanes();
        let under_way = lanes.iter().map(|cells| cells.read());
        under_way.fold(ended, Counts::plus)
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Arc<Cells>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl LaneCounters ===

impl LaneCounters {
    /// Shows what the epoch has counted so far: nobody else writes there.
    pub(crate) fn show(&self, counted: Counts) {
        self.under_way.set(counted, Ordering::Relaxed);
    }

    /// The lane has ended the epoch, which has counted so much.
    pub(crate) fn end_epoch(&self, counted: Counts) {
        // Whoever sees that it is added sees, too, that it is under way no more.
        self.under_way.set(Counts::default(), Ordering::Relaxed);
        self.node.ended.add(counted);
    }
}

// === impl Counts ===

impl Counts {
    /// What was counted since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        self.each(earlier, u64::saturating_sub)
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// Of each count the larger one.
    pub(crate) fn max(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            rows_in: of(self.rows_in, other.rows_in),
            rows_out: of(self.rows_out, other.rows_out),
            rejected: of(self.rejected, other.rejected),
            late: of(self.late, other.late),
        }
    }
}

// === impl Cells ===

impl Cells {
    fn add(&self, counted: Counts) {
        self.rows_in.fetch_add(counted.rows_in, Ordering::Release);
        self.rows_out.fetch_add(counted.rows_out, Ordering::Release);
        self.rejected.fetch_add(counted.rejected, Ordering::Release);
        self.late.fetch_add(counted.late, Ordering::Release);
    }

    fn set(&self, counts: Counts, order: Ordering) {
        self.rows_in.store(counts.rows_in, order);
        self.rows_out.store(counts.rows_out, order);
        self.rejected.store(counts.rejected, order);
        self.late.store(counts.late, order);
    }

    fn read(&self) -> Counts {
        Counts {
            rows_in: self.rows_in.load(Ordering::Acquire),
            rows_out: self.rows_out.load(Ordering::Acquire),
            rejected: self.rejected.load(Ordering::Acquire),
            late: self.late.load(Ordering::Acquire),
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
    fn what_is_under_way_is_shown_and_counts_once_its_epoch_has_ended() {
        let node: Arc<NodeCounters> = Arc::default();
        let (left, right) = (node.lane(), node.lane());
        left.show(rows(3));
        right.show(rows(4));
        assert_eq!((node.read().rows_in, node.read_live().rows_in), (0, 7));
        left.end_epoch(rows(5));
        assert_eq!((node.read().rows_in, node.read_live().rows_in), (5, 9));
    }

    /// A reader that runs beside a lane never counts a row twice, and in the end all of them.
    #[test]
    fn no_row_is_seen_twice() {
        const EPOCHS: u64 = 20_000;
        let node: Arc<NodeCounters> = Arc::default();
        let lane = node.lane();
        let begun = Arc::new(AtomicU64::new(0));
        let counted = begun.clone();
        let lane = std::thread::spawn(move || {
            for epoch in 1..=EPOCHS {
                counted.store(epoch, Ordering::SeqCst);
                lane.show(rows(1));
                lane.end_epoch(rows(1));
            }
        });
        while !lane.is_finished() {
            let seen = node.read_live().rows_in;
            assert!(seen <= begun.load(Ordering::SeqCst), "{seen}");
        }
        lane.join().unwrap();
        assert_eq!(node.read_live().rows_in, EPOCHS);
    }
}
