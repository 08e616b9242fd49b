//! An epoch's share of one reader.

use std::ops::Range;

use azud_connect::Payload;

use crate::FileSourceOptions;

/// What a reader may still give in this epoch. A source's limits are divided
/// among its readers, so that no reader has to wait for another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    whole: Left,
    left: Left,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    files: u64,
    rows: u64,
    bytes: u64,
}

// === impl Share ===

impl Share {
    pub(super) fn new(options: &FileSourceOptions, index: usize, readers: usize) -> Self {
        let (index, readers) = (index as u64, readers.max(1) as u64);
        let part = |limit: Option<u64>| match limit {
            Some(limit) => limit / readers + u64::from(index < limit % readers),
            None => u64::MAX,
        };
        // A share of nothing would never end: a reader gives at least one record an epoch.
        let whole = Left {
            files: part(options.max_files).max(1),
            rows: part(options.max_rows).max(1),
            bytes: part(options.max_bytes.map(|size| size.as_bytes())).max(1),
        };
        Self { whole, left: whole }
    }

    pub(super) fn start_epoch(&mut self) {
        self.left = self.whole;
    }

    /// Whether no record may be given any more.
    pub(super) fn is_full(&self) -> bool {
        self.left.rows == 0 || self.left.bytes == 0
    }

    /// Whether no further file may be opened.
    pub(super) fn is_out_of_files(&self) -> bool {
        self.left.files == 0
    }

    /// How many of these records there is room for: up to the one that reaches the bytes.
    pub(super) fn room(&self, payload: &Payload) -> usize {
        let rows = usize::try_from(self.left.rows).unwrap_or(usize::MAX);
        let others = payload.records.get(1..).unwrap_or_default();
        let begins = |record: &Range<u32>| u64::from(record.start) < self.left.bytes;
        rows.min(others.partition_point(begins) + 1)
    }

    pub(super) fn take_file(&mut self) {
        self.left.files = self.left.files.saturating_sub(1);
    }

    pub(super) fn take(&mut self, rows: usize, bytes: usize) {
        self.left.rows = self.left.rows.saturating_sub(rows as u64);
        self.left.bytes = self.left.bytes.saturating_sub(bytes as u64);
    }
}
