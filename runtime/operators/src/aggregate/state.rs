//! An aggregate's memory as rows that a checkpoint keeps.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt8Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use azud_model::{KEY_GROUP, ORDER, Result, key_groups};

use super::{Aggregate, formers};
use crate::StateShape;
use crate::state_rows::{BEFORE_KEY, last_rows};

/// What the rows of an aggregate's memory are.
pub(crate) fn shape(aggregate: &Aggregate) -> StateShape {
    StateShape {
        schema: schema(aggregate),
        keys: aggregate.keys(),
        computes: aggregate.computes(),
    }
}

/// What the rows of the memory of its earlier versions were, as far as it converts them; none
/// where that cannot be told.
pub(crate) fn former_shapes(aggregate: &Arc<Aggregate>) -> Vec<StateShape> {
    let formers = formers(aggregate).unwrap_or_default();
    let formers = formers.iter();
    formers.map(|former| shape(former.aggregate())).collect()
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
    let rows = last_rows(&shape(aggregate), rows)?;
    let own = rows.into_iter().map(|rows| {
        let own = rows.columns().get(BEFORE_KEY..).unwrap_or_default();
        Ok(RecordBatch::try_new(
            aggregate.state().clone(),
            own.to_vec(),
        )?)
    });
    own.collect()
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
