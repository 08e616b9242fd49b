//! A source that is fed by hand.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Payload, Read, Records, Source, SourceReader};
use azud_model::{Error, Partition, Position, Result};

/// Gives what it was made of, one list of records an epoch, and then ends. Opened again,
/// it goes on at positions.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    schema: Option<SchemaRef>,
    epochs: VecDeque<VecDeque<Records>>,
}

struct Reader {
    epochs: VecDeque<VecDeque<Records>>,
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
        positions: None,
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
            epochs,
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

    /// What lies before the positions is skipped, and so are epochs of which nothing else
    /// is left.
    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let mut epochs = self.epochs.clone();
        for position in resume {
            let next = position.next.parse().map_err(|_| {
                Error::invalid(format!(
                    "cannot go on at `{}` of partition `{}`: it is no record's number",
                    position.next, position.partition.name
                ))
            })?;
            epochs.retain_mut(|epoch| {
                let was_empty = epoch.is_empty();
                let left = epoch.drain(..);
                let left =
                    left.filter_map(|records| match records.partition == position.partition {
                        true => behind(records, next),
                        false => Some(records),
                    });
                let left = left.collect();
                *epoch = left;
                was_empty || !epoch.is_empty()
            });
        }
        Ok(vec![Box::new(Reader {
            epochs,
            positions: resume.to_vec(),
        })])
    }
}

/// The records from position `next` on; `None` if there is none.
fn behind(mut records: Records, next: u64) -> Option<Records> {
    let given = usize::try_from(next.saturating_sub(records.first)).unwrap_or(usize::MAX);
    let left = records.len().saturating_sub(given);
    if left == 0 || given == 0 {
        return (left > 0).then_some(records);
    }
    records.first = next;
    records.metadata = records.metadata.map(|rows| rows.slice(given, left));
    records.bad.retain(|bad| bad.index >= given);
    for bad in &mut records.bad {
        bad.index -= given;
    }
    // Payload that is empty for the sake of metadata stays so.
    records.payload = records.payload.split_off(given);
    Some(records)
}

// === impl Reader ===

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> Result<Read> {
        let epochs = &mut self.epochs;
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
