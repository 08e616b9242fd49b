//! The rows of a table: what a stream is joined with, and does not stream itself.

use std::fmt;
use std::sync::Arc;

use azud_model::{Batch, Result};

/// A table whose rows are read whole.
pub trait StaticRows: Send + Sync + fmt::Debug {
    /// The rows that count in an epoch, counted from 0 where the run, or an attempt at it, began:
    /// the same for all who ask in that epoch. Called by every join of the table when the first
    /// rows of an epoch reach it; it may wait until the rows are read.
    ///
    /// # Errors
    /// If the table cannot be read. Stop the pipeline.
    fn of_epoch(&self, epoch: u64) -> Result<TableVersion>;
}

/// A table as it was at some time.
#[derive(Clone, Debug)]
pub struct TableVersion {
    /// Another one than that of a version with other rows.
    pub number: u64,
    /// All of its rows.
    pub rows: Arc<[Batch]>,
}
