//! Opens a sink and gives it batches.

use super::Table;
use crate::{
    Error, Field, Flushed, Identity, Outcome, Result, Sink, TransactionalSink,
    instance::SinkInstance,
};

/// A sink that was opened for a table's columns.
pub struct OpenSink<S> {
    instance: SinkInstance<S>,
    fields: Vec<Field>,
}

/// Runs `open` with a configuration (JSON), for batches with the columns of a table.
pub fn open_sink<S: Sink>(config: &str, input: &Table) -> Result<OpenSink<S>> {
    let fields = input.fields();
    Ok(OpenSink {
        instance: SinkInstance::open(config, fields.clone())?,
        fields,
    })
}

// === impl OpenSink ===

impl<S: Sink> OpenSink<S> {
    /// Gives the sink all rows of a table at once. An answer that the host would
    /// refuse (a row that is not in the batch, or that is listed twice) is an error.
    ///
    /// # Panics
    /// Where the table has not the columns that the sink was opened for: a mistake in
    /// the test.
    pub fn write(&mut self, batch: &Table) -> Result<Outcome> {
        assert_eq!(
            batch.fields(),
            self.fields,
            "a sink is given the columns that it was opened for"
        );
        let outcome = self.instance.write(batch.rows(), &batch.all_buffers())?;
        if let Outcome::Partial(partial) = &outcome {
            let rejected = partial.rejected.iter().map(|(row, _)| *row);
            let mut seen = vec![false; batch.rows()];
            for row in rejected.chain(partial.retry.iter().copied()) {
                let rows = seen.len();
                match seen.get_mut(row) {
                    None => {
                        return Err(Error::new(format!(
                            "row {row} was listed of a batch of {rows} rows"
                        )));
                    }
                    Some(true) => return Err(Error::new(format!("row {row} is listed twice"))),
                    Some(seen) => *seen = true,
                }
            }
        }
        Ok(outcome)
    }

    /// Ends an epoch.
    pub fn flush(&mut self) -> Result<Flushed> {
        self.instance.flush()
    }

    /// The sink itself, to look at what it holds.
    pub fn sink(&self) -> &S {
        &self.instance.sink
    }

    /// The sink itself, to put something else in the place of the outside world.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.instance.sink
    }
}

/// What the host calls at the end of an epoch, and when it comes back: `flush` and
/// `prepare`, then `commit`; after a crash a sink that was opened anew gets `recover` first.
impl<S: TransactionalSink> OpenSink<S> {
    /// Rolls back what was prepared after `last`.
    pub fn recover(&mut self, who: &Identity, last: Option<u64>) -> Result<Flushed> {
        self.instance.sink.recover(who, last)
    }

    /// Seals what was written; an answer that the host would refuse, a token of more than
    /// 1 MiB, is an error.
    pub fn prepare(&mut self, epoch: u64) -> Result<Vec<u8>> {
        let token = self.instance.sink.prepare(epoch)?;
        match token.len() {
            0..=1_048_576 => Ok(token),
            bytes => Err(Error::new(format!("a token of {bytes} bytes is too large"))),
        }
    }

    /// Makes an epoch visible.
    pub fn commit(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed> {
        self.instance.sink.commit(epoch, token)
    }

    /// Rolls a prepared epoch back.
    pub fn abort(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed> {
        self.instance.sink.abort(epoch, token)
    }
}
