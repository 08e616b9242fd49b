//! What lanes tell the coordinator of a source's event time.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_model::Partition;

use super::Partitions;

/// The latest event time of each lane of a source, as of the end of the last epoch; and, where
/// its watermark moves within epochs, that of each partition as of now.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    lanes: Mutex<Vec<Arc<AtomicI64>>>,
    /// How many records its readers have given in this run.
    records: AtomicU64,
    /// Whether partitions are told apart.
    is_in_band: AtomicBool,
    partitions: Mutex<Partitions>,
}

// === impl Reported ===

impl Reported {
    /// A place for one more lane.
    pub(crate) fn lane(&self) -> Arc<AtomicI64> {
        let lane = Arc::new(AtomicI64::new(i64::MIN));
        self.lanes().push(lane.clone());
        lane
    }

    /// Forgets what an attempt that has ended has told. With `in_band` partitions are told apart
    /// from now on.
    pub(crate) fn reset(&self, in_band: bool) {
        self.lanes().clear();
        *self.locked() = Partitions::default();
        self.is_in_band.store(in_band, Ordering::Release);
    }

    /// So many records of a partition have come to a reader.
    pub(crate) fn came(&self, reader: usize, partition: &Partition, records: u64) {
        self.records.fetch_add(records, Ordering::Release);
        if let Some(mut partitions) = self.partitions() {
            partitions.came(reader, partition);
        }
    }

    /// The partitions, where they are told apart.
    pub(crate) fn partitions(&self) -> Option<MutexGuard<'_, Partitions>> {
        let is_in_band = self.is_in_band.load(Ordering::Acquire);
        is_in_band.then(|| self.locked())
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

    fn locked(&self) -> MutexGuard<'_, Partitions> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Arc<AtomicI64>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
