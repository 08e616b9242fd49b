//! The journal: records of a source that cannot be asked again, on the disk before
//! they are acknowledged, and read back by position.
//!
//! A journal is a folder of segments, `<sequence number of the first record, 20 digits>.log`.
//! Records have sequence numbers from 1 on, without a gap. Integers are little-endian.
//!
//! - A segment starts with `AZUDJNL\n`, the version (u32), 0 (u32), the journal's
//!   random id (u64), the first sequence number (u64), and XXH3-64 of all that (u64).
//! - Frames follow: XXH3-64 of the rest, seeded with the id (u64), the body's length
//!   (u32), the number of records (u32), the sequence number of the first (u64), the body.
//! - A body is chunks of records: see `chunk.rs`.
//!
//! A frame is what one sync made durable, and none is written before the last is
//! synced. So a frame that is damaged and the last was never acknowledged, and is cut
//! off; one with a frame behind it was, and the journal is refused.

mod chunk;
mod frame;
mod log;
mod open;
mod options;
mod read;
mod segment;
mod token;

pub use log::Journal;
pub use options::{JournalOptions, OnFull};
pub use read::Cursor;

#[cfg(test)]
mod codec_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod test_records;
