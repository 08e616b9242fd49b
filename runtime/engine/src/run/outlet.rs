//! Where a lane ends: rows are encoded here, on the lane, and handed to the sink's writer.

use azud_connect::{Encoder, Output};
use azud_model::{Batch, Epoch, Error, Result};
use tokio::sync::mpsc;

use super::message::SinkMessage;

/// Encoded rows are handed on when they reach this size: large enough for few
/// writes, small enough to keep a writer busy.
const PIECE_BYTES: usize = 256 * 1024;

/// A lane's end of a sink.
pub(super) struct Outlet {
    encoder: Option<Box<dyn Encoder>>,
    writer: mpsc::Sender<SinkMessage>,
    bytes: Vec<u8>,
    rows: usize,
}

// === impl Outlet ===

impl Outlet {
    pub(super) fn new(
        encoder: Option<Box<dyn Encoder>>,
        writer: mpsc::Sender<SinkMessage>,
    ) -> Self {
        Self {
            encoder,
            writer,
            bytes: Vec::new(),
            rows: 0,
        }
    }

    pub(super) fn write(&mut self, batch: Batch) -> Result<()> {
        let Some(encoder) = &mut self.encoder else {
            return self.send(SinkMessage::Output(Output::Rows(batch)));
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
