//! Several streams as one.

use arrow::datatypes::SchemaRef;
use azud_model::{Batch, Result};

use crate::project::record_batch;
use crate::reason::internal;
use crate::{Collector, Operator};

/// Hands on what comes from any of its inputs, under one set of column names.
pub struct Union {
    schema: SchemaRef,
}

// === impl Union ===

impl Union {
    /// `schema` has the types of every input, column by column.
    pub fn new(schema: SchemaRef) -> Self {
        Self { schema }
    }
}

impl Operator for Union {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        let columns = batch.columns().columns().to_vec();
        let columns = record_batch(&self.schema, columns, batch.rows())
            .map_err(|error| internal("union", error))?;
        out.emit(0, batch.with_columns(columns)?)
    }
}
