//! `raw`: one column `value binary`, whatever the bytes are.

use std::sync::Arc;

use arrow::array::{Array, BinaryArray, BinaryBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use azud_model::{Column, ColumnType, Error, Result};

use super::decoded::{self, Fate};
use crate::{Decoded, Decoder, Encoder, Records};

pub(super) struct RawDecoder {
    schema: SchemaRef,
}

/// Writes the one column's bytes and a line end; null is an empty line.
pub(super) struct RawEncoder;

// === impl RawDecoder ===

impl RawDecoder {
    pub(super) fn new(keep: &[Column]) -> Self {
        let value = Field::new("value", DataType::Binary, true);
        Self {
            schema: decoded::schema(vec![value], keep),
        }
    }
}

impl Decoder for RawDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, records: &Records) -> Result<Decoded> {
        let payload = &records.payload;
        let mut values = BinaryBuilder::with_capacity(payload.len(), payload.bytes.len());
        let fate = Fate::of(records, |index| {
            values.append_value(payload.record(index));
            Ok(true)
        });
        fate.decoded(&self.schema, vec![Arc::new(values.finish())])
    }
}

// === impl RawEncoder ===

impl RawEncoder {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self> {
        let kinds: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| ColumnType::from_arrow(field.data_type()))
            .collect();
        match kinds.as_slice() {
            [Some(ColumnType::Binary | ColumnType::String)] => Ok(Self),
            _ => Err(Error::invalid(format!(
                "format `raw` writes one column of type binary or string, not {} columns: \
                 select one, or use json",
                kinds.len()
            ))),
        }
    }
}

impl Encoder for RawEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        for column in batch.columns() {
            let column = cast(column, &DataType::Binary)?;
            let values = column.as_any().downcast_ref::<BinaryArray>();
            for value in values.into_iter().flatten() {
                out.extend_from_slice(value.unwrap_or_default());
                out.push(b'\n');
            }
        }
        Ok(())
    }
}
