//! A source that is fed by hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Payload, Read, Records, Source, SourceReader};
use azud_model::{Partition, Position, Result};

/// Gives what it was made of, one list of records an epoch, and then ends.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    schema: Option<SchemaRef>,
    epochs: Arc<Mutex<VecDeque<VecDeque<Records>>>>,
}

struct Reader {
    epochs: Arc<Mutex<VecDeque<VecDeque<Records>>>>,
    positions: Vec<Position>,
}

/// Records of one partition, from text lines.
pub fn records(source: &str, partition: &str, first: u64, lines: &[&str]) -> Records {
    Records {
        partition: Arc::new(Partition {
            source: source.to_owned(),
            name: partition.to_owned(),
        }),
        first,
        payload: lines.iter().collect::<Payload>(),
        bad: Vec::new(),
        header: None,
        metadata: None,
    }
}

/// Rows of one partition, for a typed source.
pub fn rows(source: &str, partition: &str, first: u64, columns: RecordBatch) -> Records {
    Records {
        metadata: Some(columns),
        ..records(source, partition, first, &[])
    }
}

// === impl MemorySource ===

impl MemorySource {
    /// A source of records that a format decodes: one list an epoch.
    pub fn new(epochs: impl IntoIterator<Item = Vec<Records>>) -> Self {
        let epochs = epochs.into_iter().map(VecDeque::from).collect();
        Self {
            schema: None,
            epochs: Arc::new(Mutex::new(epochs)),
        }
    }

    /// A typed source, of [`rows`].
    #[must_use]
    pub fn with_schema(mut self, schema: SchemaRef) -> Self {
        self.schema = Some(schema);
        self
    }
}

#[async_trait]
impl Source for MemorySource {
    fn schema(&self) -> Option<SchemaRef> {
        self.schema.clone()
    }

    async fn open(&self, _resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        Ok(vec![Box::new(Reader {
            epochs: self.epochs.clone(),
            positions: Vec::new(),
        })])
    }
}

// === impl Reader ===

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> Result<Read> {
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(epoch) = epochs.front_mut() else {
            return Ok(Read::End);
        };
        let Some(records) = epoch.pop_front() else {
            epochs.pop_front();
            return Ok(if epochs.is_empty() {
                Read::End
            } else {
                Read::EpochFull
            });
        };
        let next = records.first + records.len() as u64;
        self.positions
            .retain(|position| position.partition != records.partition);
        self.positions.push(Position {
            partition: records.partition.clone(),
            next: next.to_string(),
        });
        Ok(Read::Records(records))
    }

    fn positions(&self) -> Vec<Position> {
        self.positions.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[tokio::test]
    async fn epochs_are_given_one_by_one() {
        let first = vec![
            records("in", "p", 1, &["a", "b"]),
            records("in", "p", 3, &["c"]),
        ];
        let source = MemorySource::new([first, Vec::new(), vec![records("in", "p", 4, &["d"])]]);
        let mut reader = source.open(&[]).await.unwrap().remove(0);
        let mut seen = Vec::new();
        loop {
            match reader.next().await.unwrap() {
                Read::Records(records) => seen.push(records.len()),
                Read::EpochFull => seen.push(0),
                Read::End => break,
            }
        }
        assert_eq!(seen, [2, 1, 0, 0, 1]);
        assert_eq!(reader.positions()[0].next, "5");
    }
}
