//! Rows of state as they come back from a checkpoint.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit, UInt64Type};
use azud_model::{Error, Result};

use crate::StateShape;
use crate::aggregate::{GroupKeys, failed};

/// The type of times in rows of state: microseconds, UTC.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// `_key_group` and `_order` come before the key.
pub(crate) const BEFORE_KEY: usize = 2;

/// Rows that are restored at once, and about their bytes: offsets of text have 32 bits.
const PIECE_ROWS: usize = 1 << 20;
const PIECE_BYTES: usize = 256 << 20;

/// The last row of each key, in the order in which the keys were first seen; in pieces.
///
/// # Errors
/// `Internal` if the rows are of another shape.
pub fn last_rows(shape: &StateShape, rows: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let rows: Vec<RecordBatch> = rows
        .iter()
        .filter(|rows| rows.num_rows() > 0)
        .map(|rows| checked(rows, &shape.schema))
        .collect::<Result<_>>()?;
    let mut places = last_places(shape, &rows)?;
    let order = |(batch, row): &(usize, usize)| {
        let order = rows.get(*batch).map(|rows| rows.column(1));
        let order = order.and_then(|order| order.as_primitive_opt::<UInt64Type>());
        order.and_then(|order| order.values().get(*row)).copied()
    };
    places.sort_by_key(order);
    let rows: Vec<&RecordBatch> = rows.iter().collect();
    let bytes: usize = rows.iter().map(|rows| rows.get_array_memory_size()).sum();
    let all: usize = rows.iter().map(|rows| rows.num_rows()).sum();
    let of_bytes = PIECE_BYTES / (bytes / all.max(1)).max(1);
    let pieces = places.chunks(PIECE_ROWS.min(of_bytes).max(1));
    let pieces = pieces.map(|piece| Ok(interleave_record_batch(&rows, piece)?));
    pieces.collect()
}

/// For every key, the batch and row where it was seen last.
fn last_places(shape: &StateShape, rows: &[RecordBatch]) -> Result<Vec<(usize, usize)>> {
    let own = BEFORE_KEY..BEFORE_KEY + shape.keys;
    let fields = shape.schema.fields().get(own.clone()).unwrap_or_default();
    let mut keys = GroupKeys::new(&Arc::new(Schema::new(fields.to_vec()))).map_err(failed)?;
    let mut numbers = Vec::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (batch, rows) in rows.iter().enumerate() {
        let columns = rows.columns().get(own.clone()).unwrap_or_default();
        let numbered = keys.number(columns, rows.num_rows(), &mut numbers);
        numbered.map_err(failed)?;
        for (row, number) in numbers.iter().enumerate() {
            match places.get_mut(*number) {
                Some(place) => *place = (batch, row),
                None => places.push((batch, row)),
            }
        }
    }
    Ok(places)
}

/// Rows of a file, with names and types as they are here.
fn checked(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let types = |schema: &Schema| -> Vec<DataType> {
        let fields = schema.fields().iter();
        fields.map(|field| field.data_type().clone()).collect()
    };
    if types(rows.schema_ref()) != types(schema) {
        return Err(Error::internal(format!(
            "rows of state have the columns {:?} instead of {:?}",
            types(rows.schema_ref()),
            types(schema)
        )));
    }
    Ok(RecordBatch::try_new(
        schema.clone(),
        rows.columns().to_vec(),
    )?)
}
