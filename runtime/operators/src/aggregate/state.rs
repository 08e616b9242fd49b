//! An aggregate's memory as rows that a checkpoint keeps.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt8Array, UInt64Array};
use arrow::compute::{interleave_record_batch, sort_to_indices};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use azud_model::{Error, KEY_GROUP, ORDER, Result, key_groups};

use super::Aggregate;
use super::groups::failed;
use crate::StateShape;

/// `_key_group` and `_order` come before the key.
const BEFORE_KEY: usize = 2;

/// Rows that are restored at once: chunks of a memory are not merged beyond a size.
const PIECE_ROWS: usize = 1 << 20;

/// What the rows of an aggregate's memory are.
pub(crate) fn shape(aggregate: &Aggregate) -> StateShape {
    StateShape {
        schema: schema(aggregate),
        keys: aggregate.keys(),
        computes: aggregate.computes(),
    }
}

/// Rows of keys and states as a checkpoint keeps them, each with the place of its group in the
/// order in which they were first seen.
pub(super) fn rows(
    aggregate: &Aggregate,
    order: impl Iterator<Item = u64>,
    rows: &RecordBatch,
) -> Result<RecordBatch> {
    let keys = rows.columns().get(aggregate.moves_by()).unwrap_or_default();
    let key_groups = UInt8Array::from(key_groups(keys, rows.num_rows())?);
    let order = UInt64Array::from_iter_values(order);
    let mut columns: Vec<ArrayRef> = vec![Arc::new(key_groups), Arc::new(order)];
    columns.extend(rows.columns().iter().cloned());
    Ok(RecordBatch::try_new(schema(aggregate), columns)?)
}

/// The last row of each key, as keys and states, in the order in which the keys were
/// first seen; in pieces.
pub(crate) fn latest(aggregate: &Aggregate, rows: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let schema = schema(aggregate);
    let rows: Vec<RecordBatch> = rows
        .iter()
        .filter(|rows| rows.num_rows() > 0)
        .map(|rows| checked(rows, &schema))
        .collect::<Result<_>>()?;
    let places = last_places(aggregate, &rows)?;
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let order = places.iter().map(|(batch, row)| {
        let order = rows.get(*batch).map(|rows| rows.column(1));
        let order = order.and_then(|order| order.as_primitive_opt::<UInt64Type>());
        let order = order.and_then(|order| order.values().get(*row));
        order
            .copied()
            .ok_or_else(|| Error::internal("a row of state is missing"))
    });
    let order = UInt64Array::from(order.collect::<Result<Vec<_>>>()?);
    let sorted = sort_to_indices(&order, None, None)?;
    let sorted: Vec<(usize, usize)> = sorted
        .values()
        .iter()
        .filter_map(|place| places.get(*place as usize).copied())
        .collect();
    let rows = rows
        .iter()
        .map(|rows| {
            let own = rows.columns().get(BEFORE_KEY..).unwrap_or_default();
            Ok(RecordBatch::try_new(
                aggregate.state().clone(),
                own.to_vec(),
            )?)
        })
        .collect::<Result<Vec<_>>>()?;
    let rows: Vec<&RecordBatch> = rows.iter().collect();
    let pieces = sorted.chunks(PIECE_ROWS);
    let pieces = pieces.map(|piece| Ok(interleave_record_batch(&rows, piece)?));
    pieces.collect()
}

/// For every key, the batch and row where it was seen last.
fn last_places(aggregate: &Aggregate, rows: &[RecordBatch]) -> Result<Vec<(usize, usize)>> {
    let mut keys = aggregate.group_keys().map_err(failed)?;
    let mut numbers = Vec::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (batch, rows) in rows.iter().enumerate() {
        let columns = rows
            .columns()
            .get(BEFORE_KEY..BEFORE_KEY + aggregate.keys());
        let columns = columns.unwrap_or_default();
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

fn schema(aggregate: &Aggregate) -> SchemaRef {
    let mut fields = vec![
        Arc::new(Field::new(KEY_GROUP, DataType::UInt8, false)),
        Arc::new(Field::new(ORDER, DataType::UInt64, false)),
    ];
    let names = aggregate.state_names();
    for (number, field) in aggregate.state().fields().iter().enumerate() {
        let name = names.get(number).unwrap_or(field.name());
        fields.push(Arc::new(field.as_ref().clone().with_name(name)));
    }
    Arc::new(Schema::new(fields))
}
