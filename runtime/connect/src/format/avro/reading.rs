//! What a source's decoders are made of.

use std::sync::Arc;

use azud_model::{Column, Error, Result};

use super::plan::RecordPlan;
use super::resolve::resolve;
use super::{AvroSchema, Wire, WriterSchemas};

/// How records of Avro become rows: the schema of the columns, and where the schemas are that
/// they were written by.
#[derive(Clone, Debug)]
pub struct AvroReading {
    schema: Arc<AvroSchema>,
    columns: Vec<Column>,
    pub(super) from: From,
}

/// Where writers' schemas are.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// All records have this one, and the plan for it.
    One(Arc<Writer>),
    /// Each record names its own.
    Named(Wire, WriterSchemas),
}

/// A writer's schema and how its records are read.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) schema: Arc<AvroSchema>,
    pub(super) plan: RecordPlan,
}

// === impl AvroReading ===

impl AvroReading {
    /// Reads bare records that were all written by one schema: the reader's, if no other is given.
    ///
    /// # Errors
    /// `Invalid` if the schema makes no columns, or the writer's cannot be read by it.
    pub fn bare(schema: Arc<AvroSchema>, writer: Option<Arc<AvroSchema>>) -> Result<Self> {
        let columns = schema.columns()?;
        let writer = writer.unwrap_or_else(|| schema.clone());
        let plan = resolve(&writer, &schema).map_err(|reason| {
            Error::invalid(format!(
                "records of the writer's schema cannot be read by `schema`: {reason}"
            ))
        })?;
        let writer = Writer {
            schema: writer,
            plan,
        };
        Ok(Self {
            schema,
            columns,
            from: From::One(Arc::new(writer)),
        })
    }

    /// Reads records that name the schema that they were written by.
    ///
    /// # Errors
    /// `Invalid` if the schema makes no columns.
    pub fn named(schema: Arc<AvroSchema>, wire: Wire, writers: WriterSchemas) -> Result<Self> {
        Ok(Self {
            columns: schema.columns()?,
            schema,
            from: From::Named(wire, writers),
        })
    }

    /// The columns that records become.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How to read records of that schema; or why they cannot be.
    pub(super) fn writer(&self, schema: Arc<AvroSchema>) -> Result<Writer, String> {
        Ok(Writer {
            plan: resolve(&schema, &self.schema)?,
            schema,
        })
    }
}
