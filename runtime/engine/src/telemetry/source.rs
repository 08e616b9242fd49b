//! What is measured of a source: by its readers, once a chunk.

use std::sync::atomic::{AtomicU64, Ordering};

use azud_connect::Records;

/// What the readers of one source have read, in all attempts: what is read again after a rollback
/// counts again.
#[derive(Debug, Default)]
pub(crate) struct SourceMeter {
    records: AtomicU64,
    bytes: AtomicU64,
}

// === impl SourceMeter ===

impl SourceMeter {
    pub(crate) fn read(&self, records: &Records) {
        let bytes = records.payload.bytes.len();
        self.records
            .fetch_add(records.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Of records that come as bytes: one that makes columns itself has none.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
