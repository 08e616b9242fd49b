//! The reading side: what is durable, by position.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use azud_model::{Error, Partition, Position, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::PARTITION;
use super::shared::{Progress, Shared};
use crate::{Cursor, Read, Records, SourceReader};

/// Reads journals one after the other: those of earlier runs, then the one that a pump writes.
pub(super) struct JournalReader {
    parts: Vec<Part>,
    /// Which part is read.
    current: usize,
}

/// A journal that is read.
pub(super) struct Part {
    pub(super) shared: Arc<Shared>,
    source: String,
    partition: Arc<Partition>,
    progress: watch::Receiver<Progress>,
    cursor: Cursor,
    /// The sequence number after the last record that was given.
    given: u64,
    /// What was read from the disk and not given yet.
    read: VecDeque<Records>,
    /// What is being read: goes on where the call for it is dropped.
    reading: Option<JoinHandle<(Cursor, Result<Vec<Records>>)>>,
}

// === impl Part ===

impl Part {
    pub(super) fn new(source: &str, number: usize, shared: Arc<Shared>, cursor: Cursor) -> Self {
        Self {
            progress: shared.watch(),
            shared,
            source: source.to_owned(),
            partition: Arc::new(Partition {
                source: source.to_owned(),
                name: format!("{PARTITION}{number}"),
            }),
            given: cursor.sequence(),
            cursor,
            read: VecDeque::new(),
            reading: None,
        }
    }

    /// The next records; `None` when all was given and no more will come.
    async fn next(&mut self) -> Result<Option<Records>> {
        loop {
            if let Some(records) = self.read.pop_front() {
                self.given += records.len() as u64;
                return Ok(Some(records));
            }
            if let Some(reading) = &mut self.reading {
                let done = reading.await;
                self.reading = None;
                let (cursor, read) =
                    done.map_err(|error| Error::internal("reading the journal").because(error))?;
                self.cursor = cursor;
                self.read = read?.into();
                continue;
            }
            let progress = *self.progress.borrow_and_update();
            if self.cursor.sequence() < progress.durable {
                let (mut cursor, source) = (self.cursor.clone(), self.source.clone());
                self.reading = Some(tokio::task::spawn_blocking(move || {
                    let read = cursor.read(progress.durable, &source);
                    (cursor, read)
                }));
                continue;
            }
            if progress.ended {
                return match self.shared.take_failure() {
                    Some(error) => Err(error),
                    None => Ok(None),
                };
            }
            let changed = self.progress.changed().await;
            changed.map_err(|_| Error::closed("the journal is gone"))?;
        }
    }

    fn has_given_all(&self) -> bool {
        self.given >= self.progress.borrow().durable
    }
}

// === impl JournalReader ===

impl JournalReader {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self { parts, current: 0 }
    }
}

#[async_trait]
impl SourceReader for JournalReader {
    async fn next(&mut self) -> Result<Read> {
        while let Some(part) = self.parts.get_mut(self.current) {
            match part.next().await? {
                Some(records) => return Ok(Read::Records(records)),
                None => self.current += 1,
            }
        }
        Ok(Read::End)
    }

    fn open_partitions(&self) -> Option<Vec<Arc<Partition>>> {
        // Of what is still to be read nobody knows whose it is.
        let last = self.parts.last()?;
        let is_last = self.current + 1 >= self.parts.len();
        (is_last && last.has_given_all()).then(|| last.shared.open())?
    }

    fn positions(&self) -> Vec<Position> {
        let position = |part: &Part| Position {
            partition: part.partition.clone(),
            next: part.cursor.position(part.given),
        };
        self.parts.iter().map(position).collect()
    }
}
