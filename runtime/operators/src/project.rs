//! Computes new columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion_common::Result;
use datafusion_physical_expr::PhysicalExpr;

use crate::{Rows, Stage};

/// Computes one column for each expression.
pub struct Project {
    expressions: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
}

// === impl Project ===

impl Project {
    /// One expression over the columns that come in for each field of `schema`.
    /// What an expression gives is cast to its field's type.
    pub fn new(expressions: Vec<Arc<dyn PhysicalExpr>>, schema: SchemaRef) -> Self {
        Self {
            expressions,
            schema,
        }
    }
}

impl Stage for Project {
    fn apply(&self, rows: Rows) -> Result<Rows> {
        let count = rows.columns.num_rows();
        if count == 0 {
            // A constant such as 1 / 0 would fail even without a row.
            return Ok(Rows {
                columns: RecordBatch::new_empty(self.schema.clone()),
                sources: rows.sources,
            });
        }
        let columns = self
            .expressions
            .iter()
            .zip(self.schema.fields())
            .map(|(expression, field)| {
                let column = expression.evaluate(&rows.columns)?.into_array(count)?;
                conform(column, field.data_type())
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Rows {
            columns: record_batch(&self.schema, columns, count)?,
            sources: rows.sources,
        })
    }
}

/// The column in exactly the type that the schema promises. Types that differ
/// only in layout or nested names come from functions that are not strict
/// about them.
fn conform(column: ArrayRef, data_type: &arrow::datatypes::DataType) -> Result<ArrayRef> {
    if column.data_type() == data_type {
        return Ok(column);
    }
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    Ok(cast_with_options(&column, data_type, &strict)?)
}

/// A record batch that also knows its number of rows when it has no columns.
pub(crate) fn record_batch(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        schema.clone(),
        columns,
        &options,
    )?)
}
