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
        Ok(Self {
            options: EncoderOptions::default()
                .with_encoder_factory(Arc::new(Values { text_keys: false })),
        })
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

/// One row as a JSON object, without a line end. What JSON cannot say is left out.
pub fn row_json(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let options = EncoderOptions::default();
    let options = options.with_encoder_factory(Arc::new(Values { text_keys: false }));
    written(batch, row, JsonEncoder { options }, |field| {
        check(field).is_ok()
    })
}

/// The same as the `value` of a rejected row, which may be replayed: nulls are written, and keys of
/// maps as text, whatever they are, so that the json format reads back the same row.
/// What JSON cannot say is left out here, too: a rejected row is never lost over it.
pub fn whole_row_json(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let options = options.with_encoder_factory(Arc::new(Values { text_keys: true }));
    written(batch, row, JsonEncoder { options }, can_be_whole)
}

fn written(
    batch: &RecordBatch,
    row: usize,
    encoder: JsonEncoder,
    can_be: impl Fn(&Field) -> bool,
) -> Vec<u8> {
    let fields = batch.schema_ref().fields().iter().enumerate();
    let encodable = fields.filter(|(_, field)| can_be(field));
    let encodable: Vec<usize> = encodable.map(|(index, _)| index).collect();
    let mut out = Vec::new();
    let written = batch
        .project(&encodable)
        .map_err(Error::from)
        .and_then(|batch| {
            let length = batch.num_rows().saturating_sub(row).min(1);
            encoder.write(
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

/// Whether a column can be written in a row that is read back: keys of maps are text, or can be
/// written as one.
fn can_be_whole(field: &Field) -> bool {
    fn keys_are_plain(column_type: &ColumnType) -> bool {
        match column_type {
            ColumnType::Map(key, value) => {
                let is_nested = matches!(
                    **key,
                    ColumnType::Array(_) | ColumnType::Map(..) | ColumnType::Struct(_)
                );
                !is_nested && keys_are_plain(value)
            }
            ColumnType::Array(element) => keys_are_plain(element),
            ColumnType::Struct(columns) => columns
                .iter()
                .all(|column| keys_are_plain(&column.column_type)),
            _ => true,
        }
    }
    match ColumnType::from_arrow(field.data_type()) {
        Some(column_type) => keys_are_plain(&column_type),
        None => *field.data_type() == DataType::Null,
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
