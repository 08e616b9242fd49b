//! Where a lane ends: rows are encoded here, on the lane, and handed to the sink's writer.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use azud_connect::{Encoder, Output, RecordColumns, Sink, VALUE};
use azud_model::{Batch, Epoch, Error, Result};
use tokio::sync::mpsc;

use super::message::SinkMessage;

/// Encoded rows are handed on when they reach this size: large enough for few
/// writes, small enough to keep a writer busy.
const PIECE_BYTES: usize = 256 * 1024;

/// A lane's end of a sink.
pub(super) struct Outlet {
    shape: Shape,
    writer: mpsc::Sender<SinkMessage>,
    bytes: Vec<u8>,
    rows: usize,
}

/// In which shape rows are handed on.
pub(super) enum Shape {
    /// As they are.
    Rows,
    /// As bytes.
    Encoded(Box<dyn Encoder>),
    /// Each as a record of its own.
    Records(Apart),
}

/// What makes records of rows.
pub(super) struct Apart {
    encoder: Box<dyn Encoder>,
    columns: RecordColumns,
    /// The record, and what is beside it.
    schema: SchemaRef,
    /// Who says which records it can never write.
    sink: Arc<dyn Sink>,
    /// The columns of rows.
    rows: SchemaRef,
}

// === impl Shape ===

impl Shape {
    /// Records of rows of that schema; the encoder is one of the columns that are encoded.
    pub(super) fn records(
        encoder: Box<dyn Encoder>,
        columns: RecordColumns,
        rows: &SchemaRef,
        sink: Arc<dyn Sink>,
    ) -> Result<Self> {
        let beside = rows.project(&columns.beside)?;
        let value = Arc::new(Field::new(VALUE, DataType::Binary, true));
        let fields = std::iter::once(&value).chain(beside.fields());
        Ok(Self::Records(Apart {
            encoder,
            columns,
            schema: Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>())),
            sink,
            rows: rows.clone(),
        }))
    }
}

// === impl Apart ===

impl Apart {
    /// The records, and which rows cannot be one, with the reason.
    fn records(&mut self, rows: &RecordBatch) -> Result<(Batch, Vec<(usize, String)>)> {
        let values = self
            .encoder
            .records(&rows.project(&self.columns.encoded)?)?;
        let beside = rows.project(&self.columns.beside)?;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(values)];
        columns.extend(beside.columns().iter().cloned());
        let records = RecordBatch::try_new(self.schema.clone(), columns)?;
        let refused = self.sink.refused(&self.rows, &records)?;
        if refused.is_empty() {
            return Ok((Batch::without_origin(records), refused));
        }
        let is_taken = (0..records.num_rows())
            .map(|row| Some(refused.binary_search_by_key(&row, |(row, _)| *row).is_err()));
        let taken = filter_record_batch(&records, &is_taken.collect())?;
        Ok((Batch::without_origin(taken), refused))
    }
}

// === impl Outlet ===

impl Outlet {
    pub(super) fn new(shape: Shape, writer: mpsc::Sender<SinkMessage>) -> Self {
        Self {
            shape,
            writer,
            bytes: Vec::new(),
            rows: 0,
        }
    }

    /// Writes rows; calls `reject` for those that the sink can never take.
    pub(super) fn write(
        &mut self,
        batch: Batch,
        mut reject: impl FnMut(&Batch, usize, String) -> Result<()>,
    ) -> Result<()> {
        let encoder = match &mut self.shape {
            Shape::Rows => return self.send(SinkMessage::Output(Output::Rows(batch))),
            Shape::Records(apart) => {
                let (records, refused) = apart.records(batch.columns())?;
                for (row, reason) in refused {
                    reject(&batch, row, reason)?;
                }
                if records.rows() == 0 {
                    return Ok(());
                }
                return self.send(SinkMessage::Output(Output::Rows(records)));
            }
            Shape::Encoded(encoder) => encoder,
        };
        encoder.encode(batch.columns(), &mut self.bytes)?;
        self.rows += batch.rows();
        match self.bytes.len() >= PIECE_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    pub(super) fn end_epoch(&mut self, epoch: &Epoch) -> Result<()> {
        self.flush()?;
        self.send(SinkMessage::EpochEnd(*epoch))
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(PIECE_BYTES));
        let output = Output::Encoded {
            rows: std::mem::take(&mut self.rows),
            bytes: bytes.into(),
        };
        self.send(SinkMessage::Output(output))
    }

    fn send(&self, message: SinkMessage) -> Result<()> {
        // A lane is a thread of its own, so waiting for the writer blocks nobody's I/O.
        self.writer
            .blocking_send(message)
            .map_err(|_| Error::closed("the sink's writer has stopped"))
    }
}
