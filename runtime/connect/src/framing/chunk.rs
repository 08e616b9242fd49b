//! A run of whole records that was cut from a stream.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use azud_model::Partition;
use bytes::Bytes;

use crate::{BadRecord, Payload, Records};

/// A chunk ends with the record that reaches so many bytes.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// A chunk has at most so many records.
pub const CHUNK_RECORDS: usize = 4096;

/// Whole records, in the order of the stream.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The number of the first record: a header counts, and the first record of a stream is 1.
    pub first: u64,
    /// The records.
    pub payload: Payload,
    /// Those that were too long: see [`Records::bad`].
    pub bad: Vec<BadRecord>,
    /// The stream's header, if its framing has one.
    pub header: Option<Bytes>,
    /// How many bytes of the stream lie before the record that follows this chunk.
    pub end: u64,
}

// === impl Chunk ===

impl Chunk {
    /// The number of the record that follows.
    pub fn next(&self) -> u64 {
        self.first + self.payload.len() as u64
    }

    /// The chunk as records of a partition.
    pub fn into_records(self, partition: Arc<Partition>, metadata: Option<RecordBatch>) -> Records {
        Records {
            partition,
            first: self.first,
            positions: None,
            payload: self.payload,
            bad: self.bad,
            header: self.header,
            metadata,
        }
    }
}
