//! Records as their system gave them: bytes, not yet decoded.

use std::ops::Range;
use std::sync::Arc;

use arrow::buffer::NullBuffer;
use arrow::record_batch::RecordBatch;
use azud_model::Partition;
use bytes::Bytes;

/// Some consecutive records of one partition.
#[derive(Clone, Debug)]
pub struct Records {
    /// The partition that all of them come from.
    pub partition: Arc<Partition>,
    /// The position of the first record; record i has position `first + i`, where `positions`
    /// does not say otherwise.
    pub first: u64,
    /// The position of every record, ascending, where there are gaps between them (a compacted
    /// topic).
    pub positions: Option<Arc<[u64]>>,
    /// The records' bytes.
    pub payload: Payload,
    /// Records that the source could not give whole, in order: they are too
    /// long. The payload holds their first bytes, so that positions stay right;
    /// every decoder passes them on as bad.
    pub bad: Vec<BadRecord>,
    /// CSV with a header: the file's line of names, without its line end.
    pub header: Option<Bytes>,
    /// What else the system knows of each record (a file's `path`), one row a
    /// record: only the columns that [`crate::SourceContext::metadata`] asks for.
    /// For a typed source, its columns; the payload is empty, or holds the bytes
    /// of the bad ones, whose values nobody reads.
    pub metadata: Option<RecordBatch>,
}

/// The bytes of some records, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    /// All bytes, line ends and the like included.
    pub bytes: Bytes,
    /// Where each record lies in `bytes`, without its line end: in order, not
    /// overlapping. What lies between records is framing (a line end, `\r\n`).
    pub records: Vec<Range<u32>>,
    /// Which records have a payload at all; `None` where all have. One that has none (Kafka's
    /// tombstone) becomes a row whose columns of the format are null, and is never bad.
    pub present: Option<Box<NullBuffer>>,
}

/// A record that does not fit the format or schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Which of [`Records`].
    pub index: usize,
    /// Why.
    pub reason: String,
}

// === impl Records ===

impl Records {
    /// How many records there are.
    pub fn len(&self) -> usize {
        match &self.metadata {
            Some(metadata) => metadata.num_rows(),
            None => self.payload.len(),
        }
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the first `count` records and returns the others; copies no bytes.
    #[must_use]
    pub fn split_off(&mut self, count: usize) -> Self {
        let count = count.min(self.len());
        let left = self.len() - count;
        let cut = self.bad.partition_point(|bad| bad.index < count);
        let mut bad = self.bad.split_off(cut);
        for bad in &mut bad {
            bad.index -= count;
        }
        let rest = Self {
            partition: self.partition.clone(),
            first: self.position(count),
            positions: self
                .positions
                .as_ref()
                .and_then(|positions| positions.get(count..))
                .map(Arc::from),
            payload: self.payload.split_off(count),
            bad,
            header: self.header.clone(),
            metadata: self
                .metadata
                .as_ref()
                .map(|metadata| metadata.slice(count, left)),
        };
        let positions = self.positions.take();
        self.positions = positions.map(|all| all.iter().take(count).copied().collect());
        self.metadata = self.metadata.take().map(|all| all.slice(0, count));
        rest
    }

    /// The position of record `index`.
    pub fn position(&self, index: usize) -> u64 {
        let known = self.positions.as_ref();
        let known = known.and_then(|positions| positions.get(index));
        known.copied().unwrap_or(self.first + index as u64)
    }
}

// === impl Payload ===

impl Payload {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The bytes of record `index`; empty where there is no such record.
    pub fn record(&self, index: usize) -> &[u8] {
        self.records
            .get(index)
            .and_then(|range| self.bytes.get(range.start as usize..range.end as usize))
            .unwrap_or_default()
    }

    /// Keeps the first `count` records and returns the others; copies no bytes.
    pub fn split_off(&mut self, count: usize) -> Self {
        if count >= self.records.len() {
            return Self::default();
        }
        let mut rest = self.records.split_off(count);
        let start = rest.first().map_or(0, |first| first.start);
        for record in &mut rest {
            *record = record.start - start..record.end - start;
        }
        let bytes = self.bytes.split_off(start as usize);
        let present = self.present.take().map(|present| {
            self.present = Some(Box::new(present.slice(0, count)));
            Box::new(present.slice(count, present.len() - count))
        });
        Self {
            bytes,
            records: rest,
            present,
        }
    }

    /// All records, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.record(index))
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Payload {
    /// One line a record: for tests and for records that are not cut from a stream.
    fn from_iter<I: IntoIterator<Item = T>>(records: I) -> Self {
        let mut bytes = Vec::new();
        let mut ranges = Vec::new();
        // Offsets are 32 bits wide: what does not fit is left out.
        let place = |bytes: &Vec<u8>| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        for record in records {
            let start = place(&bytes);
            bytes.extend_from_slice(record.as_ref());
            ranges.push(start..place(&bytes));
            bytes.push(b'\n');
        }
        Self {
            bytes: bytes.into(),
            records: ranges,
            present: None,
        }
    }
}
