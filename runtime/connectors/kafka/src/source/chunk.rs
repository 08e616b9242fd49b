//! Messages of one partition, collected until they are handed on.

use std::sync::Arc;

use arrow::buffer::NullBuffer;
use azud_connect::{CHUNK_BYTES, CHUNK_RECORDS, Payload, Records};
use azud_model::{Partition, Result};
use rdkafka::message::{BorrowedMessage, Message};

use super::columns::Columns;

/// The records of a partition that were fetched and not handed on.
pub(super) struct Chunk {
    partition: Arc<Partition>,
    topic: String,
    number: i32,
    bytes: Vec<u8>,
    records: Vec<std::ops::Range<u32>>,
    positions: Vec<u64>,
    present: Vec<bool>,
    has_absent: bool,
    columns: Columns,
    /// Bytes and records of the chunk before: memory for as many is taken with the first one.
    before: (usize, usize),
}

// === impl Chunk ===

impl Chunk {
    pub(super) fn new(
        partition: Arc<Partition>,
        topic: &str,
        number: i32,
        columns: Columns,
    ) -> Self {
        Self {
            partition,
            topic: topic.to_owned(),
            number,
            bytes: Vec::new(),
            records: Vec::new(),
            positions: Vec::new(),
            present: Vec::new(),
            has_absent: false,
            columns,
            before: (0, 0),
        }
    }

    pub(super) fn append(&mut self, message: &BorrowedMessage<'_>) {
        // A chunk is handed on long before it has 4 GiB.
        let place = |bytes: &Vec<u8>| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if self.records.is_empty() {
            self.bytes.reserve(self.before.0);
            self.records.reserve(self.before.1);
        }
        let start = place(&self.bytes);
        let payload = message.payload();
        self.bytes.extend_from_slice(payload.unwrap_or_default());
        self.records.push(start..place(&self.bytes));
        self.present.push(payload.is_some());
        self.has_absent |= payload.is_none();
        // Offsets are not negative.
        self.positions
            .push(u64::try_from(message.offset()).unwrap_or(0));
        self.columns.append(message);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= CHUNK_RECORDS || self.bytes.len() >= CHUNK_BYTES
    }

    /// The records so far; begins anew.
    pub(super) fn finish(&mut self) -> Result<Records> {
        let positions = std::mem::take(&mut self.positions);
        let first = positions.first().copied().unwrap_or(0);
        let last = positions.last().copied().unwrap_or(0);
        let has_gaps = last - first + 1 != positions.len() as u64;
        let present = std::mem::take(&mut self.present);
        let has_absent = std::mem::take(&mut self.has_absent);
        self.before = (self.bytes.len(), self.records.len());
        let bytes = std::mem::take(&mut self.bytes);
        let records = std::mem::take(&mut self.records);
        Ok(Records {
            partition: self.partition.clone(),
            first,
            positions: has_gaps.then(|| positions.into()),
            payload: Payload {
                bytes: bytes.into(),
                records,
                present: has_absent.then(|| Box::new(NullBuffer::from(present))),
            },
            bad: Vec::new(),
            header: None,
            metadata: Some(self.columns.finish(&self.topic, self.number)?),
        })
    }
}
