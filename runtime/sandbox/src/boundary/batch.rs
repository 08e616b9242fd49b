//! Rows that a guest answers with, as a batch of a schema that it has announced.

use std::sync::Arc;

use arrow::{
    array::{RecordBatch, RecordBatchOptions},
    datatypes::SchemaRef,
};

use super::{Buffers, import};
use crate::{GuestError, bindings::azud::plugin::types::BatchResult};

/// All rows of an answer: nothing of it is trusted.
pub(crate) fn batch(answer: BatchResult, schema: &SchemaRef) -> Result<RecordBatch, GuestError> {
    let rows = answer.rows as usize;
    let mut buffers = Buffers::new(answer.buffers);
    let columns = schema
        .fields()
        .iter()
        .map(|field| import(&mut buffers, field, rows))
        .collect::<Result<Vec<_>, _>>()?;
    if buffers.left() > 0 {
        return Err(GuestError::invalid(format!(
            "{} buffers more than the announced columns have",
            buffers.left()
        )));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| GuestError::invalid(error.to_string()))
}
