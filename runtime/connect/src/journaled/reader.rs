//! The reading side: what is durable, by position.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use azud_model::{Error, Partition, Position, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::PARTITION;
use super::open::{JournalOpen, Sequence};
use super::shared::{Progress, Shared};
use crate::{Cursor, Lag, OpenPartitions, Read, Records, SourceReader};

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
    given: Sequence,
    /// The one after the last record that an earlier run has left.
    left: u64,
    /// What was read from the disk and not given yet.
    read: VecDeque<Records>,
    /// What is being read: goes on where the call for it is dropped.
    reading: Option<JoinHandle<(Cursor, Result<Vec<Records>>)>>,
}

/// How much of each part is not given.
struct Behind(Vec<(Arc<Partition>, watch::Receiver<Progress>, Sequence)>);

/// How far a part was given.
pub(super) struct Given {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: Arc<Partition>,
    pub(super) given: Sequence,
    /// As in [`Part`].
    pub(super) left: u64,
}

// === impl Part ===

impl Part {
    pub(super) fn new(source: &str, number: usize, shared: Arc<Shared>, cursor: Cursor) -> Self {
        let progress = shared.watch();
        let left = progress.borrow().durable;
        Self {
            progress,
            left,
            shared,
            source: source.to_owned(),
            partition: Arc::new(Partition {
                source: source.to_owned(),
                name: format!("{PARTITION}{number}"),
            }),
            given: Arc::new(AtomicU64::new(cursor.sequence())),
            cursor,
            read: VecDeque::new(),
            reading: None,
        }
    }

    /// The next records; `None` when all was given and no more will come.
    async fn next(&mut self) -> Result<Option<Records>> {
        loop {
            if let Some(records) = self.read.pop_front() {
                self.given.fetch_add(records.len() as u64, Ordering::AcqRel);
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
}

// === impl Behind ===

impl Lag for Behind {
    fn list(&self) -> Vec<(Arc<Partition>, u64)> {
        let parts = self.0.iter().map(|(partition, progress, given)| {
            // In this order: what is given was durable before.
            let given = given.load(Ordering::Acquire);
            let durable = progress.borrow().durable;
            (partition.clone(), durable.saturating_sub(given))
        });
        parts.collect()
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

    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        let parts = self.parts.iter().map(|part| Given {
            shared: part.shared.clone(),
            partition: part.partition.clone(),
            given: part.given.clone(),
            left: part.left,
        });
        Some(Arc::new(JournalOpen {
            parts: parts.collect(),
        }))
    }

    fn lag(&self) -> Option<Arc<dyn Lag>> {
        let parts = self.parts.iter();
        let parts = parts.map(|part| {
            let progress = part.progress.clone();
            (part.partition.clone(), progress, part.given.clone())
        });
        Some(Arc::new(Behind(parts.collect())))
    }

    fn positions(&self) -> Vec<Position> {
        let position = |part: &Part| Position {
            partition: part.partition.clone(),
            next: part.cursor.position(part.given.load(Ordering::Acquire)),
        };
        self.parts.iter().map(position).collect()
    }
}
