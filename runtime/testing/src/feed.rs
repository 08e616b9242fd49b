//! The source of a test: gives rows epoch by epoch.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Read, Records, Source, SourceReader};
use azud_model::{Error, Position, Result};
use tokio::sync::watch;

/// What one source gives, epoch by epoch.
pub(crate) type Epochs = VecDeque<VecDeque<Records>>;

/// Gives typed rows. Those of an epoch wait until the one before is committed: so everything
/// that is computed in an epoch sees its time.
pub(crate) struct Feed {
    schema: SchemaRef,
    epochs: Mutex<Epochs>,
    committed: watch::Receiver<usize>,
}

struct Reader {
    epochs: Epochs,
    /// How many epochs were given.
    given: usize,
    committed: watch::Receiver<usize>,
}

/// A table: the rows that the last epoch has which gives it any, of those that have begun.
pub(crate) struct TableFeed {
    schema: SchemaRef,
    /// `None`: the epoch does not name it.
    epochs: Vec<Option<VecDeque<Records>>>,
    committed: watch::Receiver<usize>,
}

// === impl TableFeed ===

impl TableFeed {
    /// A table that has these rows, epoch by epoch; `committed` counts epochs.
    pub(crate) fn new(
        schema: SchemaRef,
        epochs: Vec<Option<VecDeque<Records>>>,
        committed: watch::Receiver<usize>,
    ) -> Self {
        Self {
            schema,
            epochs,
            committed,
        }
    }

    /// The epoch whose rows count now.
    fn now(&self) -> Option<usize> {
        let begun = *self.committed.borrow() + 1;
        let begun = self.epochs.get(..begun).unwrap_or(&self.epochs);
        begun.iter().rposition(Option::is_some)
    }
}

#[async_trait]
impl Source for TableFeed {
    fn schema(&self) -> Option<SchemaRef> {
        Some(self.schema.clone())
    }

    fn version(&self) -> Result<Option<String>> {
        Ok(Some(format!("{:?}", self.now())))
    }

    async fn open(&self, _resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let rows = self.now().and_then(|epoch| self.epochs.get(epoch)?.clone());
        Ok(vec![Box::new(Reader {
            epochs: Epochs::from_iter(rows),
            given: 0,
            // Nothing of it waits.
            committed: watch::channel(usize::MAX).1,
        })])
    }
}

// === impl Feed ===

impl Feed {
    /// A source of these rows; `committed` counts epochs.
    pub(crate) fn new(
        schema: SchemaRef,
        epochs: Epochs,
        committed: watch::Receiver<usize>,
    ) -> Self {
        Self {
            schema,
            epochs: Mutex::new(epochs),
            committed,
        }
    }
}

#[async_trait]
impl Source for Feed {
    fn schema(&self) -> Option<SchemaRef> {
        Some(self.schema.clone())
    }

    async fn open(&self, _resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(vec![Box::new(Reader {
            epochs: std::mem::take(&mut epochs),
            given: 0,
            committed: self.committed.clone(),
        })])
    }
}

// === impl Reader ===

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> Result<Read> {
        let given = self.given;
        let before = self.committed.wait_for(|committed| *committed >= given);
        before
            .await
            .map_err(|_| Error::closed("the test has ended"))?;
        let Some(epoch) = self.epochs.front_mut() else {
            return Ok(Read::End);
        };
        if let Some(records) = epoch.pop_front() {
            return Ok(Read::Records(records));
        }
        // The end comes in an epoch of its own, which leaves no trace: so an epoch without
        // rows is one, also where it is the last.
        self.epochs.pop_front();
        self.given += 1;
        Ok(Read::EpochFull)
    }

    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use arrow::datatypes::Schema;
    use azud_connector_memory::records;

    use super::*;

    #[tokio::test]
    async fn an_epoch_waits_for_the_one_before() {
        let rows = |first| VecDeque::from([records("in", "input", first, &["a"])]);
        let (commits, committed) = watch::channel(0);
        let epochs = Epochs::from([rows(1), VecDeque::new(), rows(2)]);
        let feed = Feed::new(Arc::new(Schema::empty()), epochs, committed);
        let mut reader = feed.open(&[]).await.unwrap().remove(0);
        for (epoch, rows) in [(0, 1), (1, 0), (2, 1)] {
            commits.send_replace(epoch);
            for _ in 0..rows {
                assert!(matches!(reader.next().await, Ok(Read::Records(_))));
            }
            assert!(matches!(reader.next().await, Ok(Read::EpochFull)));
            let early = tokio::time::timeout(Duration::from_millis(20), reader.next());
            assert!(early.await.is_err(), "epoch {epoch} is not committed");
        }
        commits.send_replace(3);
        assert!(matches!(reader.next().await, Ok(Read::End)));
    }
}
