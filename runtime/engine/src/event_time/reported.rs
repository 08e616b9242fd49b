//! What lanes tell the coordinator of a source's event time.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The latest event time of each lane of a source, as of the end of the last epoch.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    lanes: Mutex<Vec<Arc<AtomicI64>>>,
    /// How many records its readers have given in this run.
    records: AtomicU64,
}

// === impl Reported ===

impl Reported {
    /// A place for one more lane.
    pub(crate) fn lane(&self) -> Arc<AtomicI64> {
        let lane = Arc::new(AtomicI64::new(i64::MIN));
        self.lanes().push(lane.clone());
        lane
    }

    /// Forgets the lanes of an attempt that has ended.
    pub(crate) fn reset(&self) {
        self.lanes().clear();
    }

    /// So many records have come.
    pub(crate) fn came(&self, records: u64) {
        self.records.fetch_add(records, Ordering::Release);
    }

    /// How many records have come, those of the epoch at hand included.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Acquire)
    }

    /// The latest of all lanes; `i64::MIN` before the first row.
    pub(crate) fn latest(&self) -> i64 {
        let lanes = self.lanes();
        let latest = lanes.iter().map(|lane| lane.load(Ordering::Acquire));
        latest.max().unwrap_or(i64::MIN)
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Arc<AtomicI64>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
