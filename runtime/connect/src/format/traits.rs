//! What a format does.

use arrow::array::BinaryArray;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use azud_model::{Batch, Result};

use crate::{BadRecord, Records};

/// What became of some records.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The good ones, in order, with their origin. A format may leave records
    /// out altogether (JSON: blank lines).
    pub batch: Batch,
    /// The bad ones, in order.
    pub bad: Vec<BadRecord>,
}

/// Turns records into typed columns. One lane owns it.
pub trait Decoder: Send {
    /// The columns that it makes.
    fn schema(&self) -> SchemaRef;

    /// Decodes all of them: a bad record never costs its neighbours, and a bad
    /// partition (a CSV file whose header lacks a column) no other partition:
    /// all its records are bad.
    ///
    /// # Errors
    /// `Internal` only.
    fn decode(&mut self, records: &Records) -> Result<Decoded>;
}

/// Turns rows into bytes. One lane owns it.
pub trait Encoder: Send {
    /// What every file starts with, if anything.
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Appends every row with its line end.
    ///
    /// # Errors
    /// `Invalid` if the format has no way to write such a column.
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()>;

    /// Every row as a record of its own, without a line end: for systems that keep records apart.
    /// Null where there is nothing at all: the one column of text or raw is null.
    ///
    /// # Errors
    /// As `encode`.
    fn records(&mut self, batch: &RecordBatch) -> Result<BinaryArray>;
}
