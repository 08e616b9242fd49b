//! An opened sink.

use crate::{Batch, Field, Flushed, Input, Outcome, Result, Sink, batch::Read, config};

/// A sink and the columns that it is given.
pub(crate) struct SinkInstance<S> {
    pub(crate) sink: S,
    read: Vec<Read>,
}

// === impl SinkInstance ===

impl<S: Sink> SinkInstance<S> {
    pub(crate) fn open(config: &str, input: Vec<Field>) -> Result<Self> {
        let config = config::parse(config)?;
        let input = Input::new(input);
        let sink = S::open(config, &input)?;
        Ok(Self {
            sink,
            read: input.read_all(),
        })
    }

    pub(crate) fn write(&mut self, rows: usize, buffers: &[Vec<u8>]) -> Result<Outcome> {
        self.sink.write(&Batch {
            rows,
            buffers,
            reads: &self.read,
        })
    }

    pub(crate) fn flush(&mut self) -> Result<Flushed> {
        self.sink.flush()
    }
}
