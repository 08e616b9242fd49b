//! `text`: one column `value string`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, BinaryBuilder, StringArray, StringBuilder};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use azud_model::{Column, Result};

use super::decoded::{self, Fate};
use super::python::PythonRows;
use crate::{Decoded, Decoder, Encoder, Payload, Records};

pub(super) struct TextDecoder {
    schema: SchemaRef,
}

/// Writes each row as DStream's `saveAsTextFiles` does in Python: a single
/// column as its `str`, several as a tuple (`('a', 1)`).
///
/// A line end within a value is written as it is, as Spark does: whoever reads
/// the file finds two lines. Where that matters, write json.
pub(super) struct TextEncoder;

// === impl TextDecoder ===

impl TextDecoder {
    pub(super) fn new(keep: &[Column]) -> Self {
        let value = Field::new("value", DataType::Utf8, true);
        Self {
            schema: decoded::schema(vec![value], keep),
        }
    }
}

impl Decoder for TextDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, records: &Records) -> Result<Decoded> {
        if records.bad.is_empty()
            && let Some(values) = all_values(&records.payload)
        {
            return Fate::of(records, |_| Ok(true)).decoded(&self.schema, vec![values]);
        }
        let payload = &records.payload;
        let mut values = StringBuilder::with_capacity(payload.len(), payload.bytes.len());
        let fate = Fate::of(records, |index| {
            values.append_value(utf8(payload.record(index))?);
            Ok(true)
        });
        fate.decoded(&self.schema, vec![Arc::new(values.finish())])
    }
}

/// All records in one go; `None` if one of them is not UTF-8.
fn all_values(payload: &Payload) -> Option<ArrayRef> {
    let mut bytes = Vec::with_capacity(payload.bytes.len());
    let mut offsets = Vec::with_capacity(payload.len() + 1);
    offsets.push(0);
    for record in payload.iter() {
        bytes.extend_from_slice(record);
        offsets.push(i32::try_from(bytes.len()).ok()?);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let values = StringArray::try_new(offsets, Buffer::from_vec(bytes), None).ok()?;
    Some(Arc::new(values))
}

/// The record as text, or why it is none.
pub(super) fn utf8(record: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(record)
        .map_err(|error| format!("invalid UTF-8 at byte {}", error.valid_up_to() + 1))
}

// === impl TextEncoder ===

impl Encoder for TextEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let rows = PythonRows::new(batch);
        let mut line = String::new();
        for row in 0..batch.num_rows() {
            line.clear();
            rows.write(row, &mut line);
            line.push('\n');
            out.extend_from_slice(line.as_bytes());
        }
        Ok(())
    }

    fn records(&mut self, batch: &RecordBatch) -> Result<BinaryArray> {
        let rows = PythonRows::new(batch);
        let only = match batch.columns() {
            [only] => only.logical_nulls(),
            _ => None,
        };
        let mut records = BinaryBuilder::with_capacity(batch.num_rows(), 0);
        let mut line = String::new();
        for row in 0..batch.num_rows() {
            if only.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                records.append_null();
                continue;
            }
            line.clear();
            rows.write(row, &mut line);
            records.append_value(&line);
        }
        Ok(records.finish())
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
