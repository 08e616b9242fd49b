//! Rows to one object a line, by Arrow's own writer.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow_json::writer::{EncoderOptions, make_encoder};
use azud_model::{Column, ColumnType, Error, Result};

use super::values::Values;
use crate::Encoder;
use crate::format::apart::Apart;

/// Writes what Spark writes: keys of null values are left out, binary is
/// base64, NaN and the infinities are texts; timestamps are ISO 8601, UTC.
pub(in crate::format) struct JsonEncoder {
    options: EncoderOptions,
}

// === impl JsonEncoder ===

impl JsonEncoder {
    pub(in crate::format) fn new(schema: &SchemaRef) -> Result<Self> {
        for field in schema.fields() {
            check(field).map_err(|reason| {
                Error::invalid(format!(
                    "format `json`, column `{}`: {reason}",
                    field.name()
                ))
            })?;
        }
        Ok(Self::unchecked())
    }

    fn unchecked() -> Self {
        Self {
            options: EncoderOptions::default().with_encoder_factory(Arc::new(Values)),
        }
    }

    /// Appends every row, and calls `end` behind each.
    fn write(
        &self,
        batch: &RecordBatch,
        out: &mut Vec<u8>,
        mut end: impl FnMut(&mut Vec<u8>),
    ) -> Result<()> {
        let field: FieldRef = Arc::new(Field::new_struct(
            "",
            batch.schema().fields().clone(),
            false,
        ));
        let rows: ArrayRef = Arc::new(StructArray::try_new_with_length(
            batch.schema().fields().clone(),
            batch.columns().to_vec(),
            None,
            batch.num_rows(),
        )?);
        let mut encoder = make_encoder(&field, &rows, &self.options)?;
        for row in 0..batch.num_rows() {
            encoder.encode(row, out);
            end(out);
        }
        Ok(())
    }
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        self.write(batch, out, |out| out.push(b'\n'))
    }

    fn records(&mut self, batch: &RecordBatch) -> Result<BinaryArray> {
        let mut apart = Apart::with_capacity(batch.num_rows());
        let mut out = Vec::new();
        self.write(batch, &mut out, |out| apart.end(out.len()))?;
        apart.finish(out)
    }
}

/// One row as a JSON object, without a line end: the `value` of a rejected row.
/// What JSON cannot say is left out, so that a rejected row is never lost over it.
pub fn row_json(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let encodable: Vec<usize> = batch
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| check(field).is_ok())
        .map(|(index, _)| index)
        .collect();
    let mut out = Vec::new();
    let written = batch
        .project(&encodable)
        .map_err(Error::from)
        .and_then(|batch| {
            let length = batch.num_rows().saturating_sub(row).min(1);
            JsonEncoder::unchecked().write(
                &batch.slice(row.min(batch.num_rows()), length),
                &mut out,
                |_| (),
            )
        });
    match written {
        Ok(()) if !out.is_empty() => out,
        _ => b"{}".to_vec(),
    }
}

/// Why JSON has no way to write a column, if it has none.
fn check(field: &Field) -> Result<(), String> {
    let data_type = field.data_type();
    match ColumnType::from_arrow(data_type) {
        Some(column_type) => check_keys(&column_type),
        None if *data_type == DataType::Null => Ok(()),
        None => Err(format!("a {data_type} cannot be written, cast it first")),
    }
}

fn check_keys(column_type: &ColumnType) -> Result<(), String> {
    match column_type {
        ColumnType::Map(key, _) if **key != ColumnType::String => Err(format!(
            "the keys of a JSON object are text: cast those of {column_type} to string"
        )),
        ColumnType::Map(_, value) | ColumnType::Array(value) => check_keys(value),
        ColumnType::Struct(columns) => columns
            .iter()
            .try_for_each(|Column { column_type, .. }| check_keys(column_type)),
        _ => Ok(()),
    }
}
