//! How large a journal may become, and what happens then.

use azud_model::ByteSize;

/// How a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// A segment that has so many bytes is followed by another; default: 64MiB.
    /// A quarter of `max_bytes` where that is less, so that there is something to remove.
    pub segment_bytes: ByteSize,
    /// How many bytes a journal may have on the disk; default: 1GiB.
    pub max_bytes: ByteSize,
    /// What happens when it has so many.
    pub on_full: OnFull,
}

/// What happens when a journal is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// Its source is not read until an epoch is committed and a segment removed:
    /// whoever sends has to wait. The last chunk read may exceed `max_bytes`.
    #[default]
    Wait,
    /// Its source is read on, and new records that do not fit are dropped and counted.
    Drop,
}

// === impl JournalOptions ===

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: ByteSize::from_mib(64),
            max_bytes: ByteSize::from_mib(1024),
            on_full: OnFull::Wait,
        }
    }
}

impl JournalOptions {
    pub(super) fn segment_bytes(&self) -> u64 {
        let quarter = self.max_bytes.as_bytes() / 4;
        self.segment_bytes.as_bytes().min(quarter).max(1)
    }
}
