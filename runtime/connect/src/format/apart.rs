//! Records apart from each other, out of bytes that were written one after the other.

use arrow::array::BinaryArray;
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use azud_model::{Error, Result};

/// Where records end in the bytes that an encoder writes.
pub(super) struct Apart {
    /// The first record's start, and every end.
    offsets: Vec<i32>,
    overflows: bool,
}

// === impl Apart ===

impl Apart {
    pub(super) fn with_capacity(records: usize) -> Self {
        let mut offsets = Vec::with_capacity(records + 1);
        offsets.push(0);
        Self {
            offsets,
            overflows: false,
        }
    }

    /// A record ends where so many bytes are written.
    pub(super) fn end(&mut self, written: usize) {
        match i32::try_from(written) {
            Ok(written) => self.offsets.push(written),
            Err(_) => self.overflows = true,
        }
    }

    /// The records in those bytes.
    pub(super) fn finish(self, bytes: Vec<u8>) -> Result<BinaryArray> {
        if self.overflows {
            return Err(Error::invalid(
                "the rows of a batch take more than 2 GiB: make batches smaller",
            ));
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Ok(BinaryArray::try_new(
            offsets,
            Buffer::from_vec(bytes),
            None,
        )?)
    }
}
