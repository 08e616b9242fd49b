//! Records that could not be processed, in the one shape that every `rejected` output has.

use std::sync::{Arc, LazyLock};

use arrow::array::{BinaryArray, Int32Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::{Batch, Result};

/// One record that could not be processed, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// The record as its source gave it; for a row that was already decoded, the row as JSON.
    pub value: Option<Vec<u8>>,
    /// The source's name, where the row comes from one record.
    pub source: Option<String>,
    /// The partition within the source.
    pub partition: Option<String>,
    /// The position within the partition.
    pub position: Option<String>,
    /// The node that rejected it.
    pub node: String,
    /// Why.
    pub reason: String,
    /// Digest of the plugin that rejected it or failed on it.
    pub plugin: Option<String>,
    /// The epoch in which that happened.
    pub epoch: u64,
    /// How often it was offered: 1, and one more whenever it was replayed. Rows that a sink asks for
    /// again are one attempt.
    pub attempt: i32,
}

/// Rejected records on their way to whoever reads `<node>.rejected`.
#[derive(Clone, Debug, Default)]
pub struct RejectedBatch {
    /// The records, in the order in which they were found.
    pub rows: Vec<Rejected>,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let column = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        column("value", DataType::Binary),
        column("source", DataType::Utf8),
        column("partition", DataType::Utf8),
        column("position", DataType::Utf8),
        column("node", DataType::Utf8),
        column("reason", DataType::Utf8),
        column("plugin", DataType::Utf8),
        column("epoch", DataType::Int64),
        column("attempt", DataType::Int32),
    ]))
});

/// The columns of every `<node>.rejected`.
pub fn rejected_schema() -> SchemaRef {
    SCHEMA.clone()
}

// === impl RejectedBatch ===

impl RejectedBatch {
    /// The records as a batch with the columns of [`rejected_schema`].
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] if Arrow refuses the columns.
    pub fn to_batch(&self) -> Result<Batch> {
        let text = |of: fn(&Rejected) -> Option<&str>| {
            Arc::new(self.rows.iter().map(of).collect::<StringArray>())
        };
        let columns = RecordBatch::try_new(
            rejected_schema(),
            vec![
                Arc::new(
                    self.rows
                        .iter()
                        .map(|row| row.value.as_deref())
                        .collect::<BinaryArray>(),
                ),
                text(|row| row.source.as_deref()),
                text(|row| row.partition.as_deref()),
                text(|row| row.position.as_deref()),
                text(|row| Some(&row.node)),
                text(|row| Some(&row.reason)),
                text(|row| row.plugin.as_deref()),
                Arc::new(
                    self.rows
                        .iter()
                        .map(|row| i64::try_from(row.epoch).ok())
                        .collect::<Int64Array>(),
                ),
                Arc::new(
                    self.rows
                        .iter()
                        .map(|row| Some(row.attempt))
                        .collect::<Int32Array>(),
                ),
            ],
        )?;
        Ok(Batch::without_origin(columns))
    }
}
