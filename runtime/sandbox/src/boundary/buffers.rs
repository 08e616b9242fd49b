//! Buffers from a guest, one after the other, cut to the length they must have.
//!
//! Arrow's validation asserts that a buffer is a whole number of values; a guest
//! must not be able to reach an assertion.

use arrow::{
    buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::ArrowNativeType,
};

use crate::GuestError;

/// The buffers of an answer that no column has taken yet.
pub(crate) struct Buffers<'a> {
    rest: std::vec::IntoIter<Vec<u8>>,
    /// The column that takes them now, for messages.
    pub(crate) column: &'a str,
}

// === impl Buffers ===

impl Buffers<'_> {
    pub(crate) fn new(buffers: Vec<Vec<u8>>) -> Self {
        Self {
            rest: buffers.into_iter(),
            column: "",
        }
    }

    /// How many are left over.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next buffer, at least `length` bytes, cut to it.
    pub(crate) fn exact(
        &mut self,
        length: Option<usize>,
        what: &str,
    ) -> Result<Buffer, GuestError> {
        let buffer = self.next(what)?;
        match length {
            Some(length) if length <= buffer.len() => {
                Ok(Buffer::from_vec(buffer).slice_with_length(0, length))
            }
            Some(length) => Err(self.wrong(format!(
                "its {what} have {} bytes, not {length}",
                buffer.len()
            ))),
            None => Err(self.wrong(format!("its {what} have no size"))),
        }
    }

    /// The next buffer as `length` values of a type.
    pub(crate) fn values<T: ArrowNativeType>(
        &mut self,
        length: usize,
    ) -> Result<ScalarBuffer<T>, GuestError> {
        let buffer = self.exact(length.checked_mul(size_of::<T>()), "values")?;
        Ok(aligned(buffer, length))
    }

    /// The next buffer as a bitmap of values.
    pub(crate) fn bits(&mut self, length: usize) -> Result<BooleanBuffer, GuestError> {
        let buffer = self.exact(Some(length.div_ceil(8)), "values")?;
        Ok(BooleanBuffer::new(buffer, 0, length))
    }

    /// The next buffer as a validity bitmap; empty means that no row is null.
    pub(crate) fn validity(&mut self, length: usize) -> Result<Option<NullBuffer>, GuestError> {
        let buffer = self.next("validity bits")?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let due = length.div_ceil(8);
        if buffer.len() < due {
            return Err(self.wrong(format!(
                "its validity bits have {} bytes, not {due}",
                buffer.len()
            )));
        }
        let bits = BooleanBuffer::new(Buffer::from_vec(buffer), 0, length);
        Ok(Some(NullBuffer::new(bits)).filter(|nulls| nulls.null_count() > 0))
    }

    /// The next buffer as offsets into `end` bytes or rows, where that is known.
    pub(crate) fn offsets(&mut self, length: usize) -> Result<OffsetBuffer<i32>, GuestError> {
        let due = length.checked_add(1).and_then(|count| count.checked_mul(4));
        let buffer = self.next("offsets")?;
        if length == 0 && buffer.is_empty() {
            return Ok(OffsetBuffer::new_empty());
        }
        let buffer = match due {
            Some(due) if due <= buffer.len() => Buffer::from_vec(buffer).slice_with_length(0, due),
            _ => {
                return Err(self.wrong(format!(
                    "its offsets have {} bytes, not {}",
                    buffer.len(),
                    due.unwrap_or(usize::MAX)
                )));
            }
        };
        let offsets: ScalarBuffer<i32> = aligned(buffer, length + 1);
        let first_is_wrong = offsets.first().is_some_and(|first| *first < 0);
        // One comparison a row, without a branch: this is the hot path of text.
        let disorder = offsets
            .iter()
            .zip(offsets.iter().skip(1))
            .fold(false, |disorder, (start, end)| disorder | (start > end));
        if first_is_wrong || disorder {
            return Err(self.wrong("its offsets are not in order".into()));
        }
        Ok(OffsetBuffer::new(offsets))
    }

    pub(crate) fn wrong(&self, what: String) -> GuestError {
        GuestError::invalid(format!("column `{}`: {what}", self.column))
    }

    fn next(&mut self, what: &str) -> Result<Vec<u8>, GuestError> {
        self.rest
            .next()
            .ok_or_else(|| self.wrong(format!("its {what} are missing")))
    }
}

/// A guest's buffer is a copy at an address of the allocator's choice: nearly
/// always aligned, but nothing promises it.
pub(super) fn aligned<T: ArrowNativeType>(buffer: Buffer, length: usize) -> ScalarBuffer<T> {
    let buffer = match buffer.as_ptr().align_offset(align_of::<T>()) {
        0 => buffer,
        _ => Buffer::from(buffer.as_slice()),
    };
    ScalarBuffer::new(buffer, 0, length)
}
