//! Out: a column's buffers, borrowed. Only bitmaps and offsets that do not start
//! at the first row are built again.

use arrow::{
    array::{Array, ArrayRef, AsArray as _, downcast_primitive_array},
    buffer::{Buffer, NullBuffer, OffsetBuffer},
    datatypes::DataType,
};

use crate::GuestError;

/// The buffers of a batch in the contract's order. Kept by the instance, so that
/// a small batch costs no allocation here.
#[derive(Default)]
pub(crate) struct Export {
    buffers: Vec<Buffer>,
    empty: Buffer,
}

// === impl Export ===

impl Export {
    /// Forgets the batch, and lets go of its memory.
    pub(crate) fn clear(&mut self) {
        self.buffers.clear();
    }

    /// Appends a column in one of the layouts of the contract.
    pub(crate) fn push(&mut self, column: &ArrayRef) -> Result<(), GuestError> {
        self.array(column.as_ref())
    }

    /// The buffers, to be lowered.
    pub(crate) fn lend(&self) -> Vec<&[u8]> {
        self.buffers.iter().map(Buffer::as_slice).collect()
    }

    fn array(&mut self, array: &dyn Array) -> Result<(), GuestError> {
        self.validity(array.nulls());
        match array.data_type() {
            DataType::Boolean => self.buffers.push(array.as_boolean().values().sliced()),
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                self.bytes(array.offsets(), array.values());
            }
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                self.bytes(array.offsets(), array.values());
            }
            DataType::FixedSizeBinary(_) => self
                .buffers
                .push(array.as_fixed_size_binary().values().clone()),
            DataType::Struct(_) => {
                for child in array.as_struct().columns() {
                    self.array(child)?;
                }
            }
            DataType::FixedSizeList(..) => self.array(array.as_fixed_size_list().values())?,
            DataType::List(_) => {
                let array = array.as_list::<i32>();
                let (start, length) = self.offsets(array.offsets());
                self.array(&array.values().slice(start, length))?;
            }
            DataType::Map(..) => {
                let array = array.as_map();
                let (start, length) = self.offsets(array.offsets());
                self.array(&array.entries().slice(start, length))?;
            }
            _ => self.primitive(array)?,
        }
        Ok(())
    }

    fn primitive(&mut self, array: &dyn Array) -> Result<(), GuestError> {
        let values = downcast_primitive_array!(
            array => array.values().inner().clone(),
            other => return Err(GuestError::Input { what: format!("a column has the type {other}, which has no form on the boundary") })
        );
        self.buffers.push(values);
        Ok(())
    }

    fn validity(&mut self, nulls: Option<&NullBuffer>) {
        let bits = match nulls {
            Some(nulls) if nulls.null_count() > 0 => nulls.inner().sliced(),
            _ => self.empty.clone(),
        };
        self.buffers.push(bits);
    }

    fn bytes(&mut self, offsets: &OffsetBuffer<i32>, values: &Buffer) {
        let (start, length) = self.offsets(offsets);
        self.buffers.push(values.slice_with_length(start, length));
    }

    /// Appends offsets that start at 0; answers with what they span.
    fn offsets(&mut self, offsets: &OffsetBuffer<i32>) -> (usize, usize) {
        let (first, last) = (
            offsets.first().copied().unwrap_or(0),
            offsets.last().copied().unwrap_or(0),
        );
        self.buffers.push(match first {
            0 => offsets.inner().inner().clone(),
            first => offsets
                .iter()
                .map(|offset| offset - first)
                .collect::<Vec<i32>>()
                .into(),
        });
        // Arrow's offsets are in order and not negative.
        (first as usize, (last - first) as usize)
    }
}
