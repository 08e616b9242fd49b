//! A source that cannot be asked again, made one that can: what it gives goes to a
//! journal, is acknowledged once it is durable there, and is read back by position.
//!
//! ```text
//! inner reader -> pump -> journal (one sync a group) -> reader -> lane
//!        ^---- acknowledge ----'          ^--- segments removed --- committed
//! ```

mod pump;
mod reader;
mod shared;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_model::{Clock, Error, Position, Result};

use crate::{Disk, Journal, JournalOptions, Replay, Source, SourceReader};
use pump::Pump;
use reader::{JournalReader, Part};
use shared::{Shared, blocking};

/// A partition's name is this and the journal's number.
const PARTITION: &str = "journal-";

/// A source whose [`Source::replay`] is [`Replay::Never`], with a journal for each of its readers.
pub struct Journaled {
    inner: Arc<dyn Source>,
    node: String,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    options: JournalOptions,
    finite: bool,
    clock: Arc<dyn Clock>,
    /// The journals that are open, by number.
    journals: Mutex<BTreeMap<usize, Arc<Shared>>>,
    dropped: Arc<AtomicU64>,
}

// === impl Journaled ===

impl Journaled {
    /// Journals the source of a node in `<folder>/<number of the reader>`. Of a `finite`
    /// run, which commits at its end only, a full journal is an error, not a wait.
    pub fn new(
        inner: Arc<dyn Source>,
        node: impl Into<String>,
        folder: impl Into<PathBuf>,
        disk: Arc<dyn Disk>,
        options: JournalOptions,
        finite: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner,
            node: node.into(),
            folder: folder.into(),
            disk,
            options,
            finite,
            clock,
            journals: Mutex::default(),
            dropped: Arc::default(),
        }
    }

    /// How many records were dropped because the journal was full, with [`crate::OnFull::Drop`].
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn is_journaled(&self) -> Result<()> {
        match self.inner.schema() {
            None => Ok(()),
            Some(_) => Err(Error::invalid(format!(
                "source `{}` makes typed columns, which cannot be journaled",
                self.node
            ))),
        }
    }

    /// The number of the journal that a position is in.
    fn number(&self, position: &Position) -> Result<usize> {
        let name = &position.partition.name;
        let number = name.strip_prefix(PARTITION);
        number
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| {
                Error::invalid(format!(
                    "the recorded position of `{name}` is none of the journal in {}: \
                     start with another checkpoint",
                    self.folder.display()
                ))
            })
    }

    /// Opens the journals of this many readers, of those that positions are of, and of
    /// those that an earlier run had, by number.
    async fn open_all(&self, readers: usize, resume: &[Position]) -> Result<BTreeMap<usize, Part>> {
        let mut positions: BTreeMap<usize, Option<String>> =
            (0..readers).map(|number| (number, None)).collect();
        for number in earlier(self.disk.clone(), self.folder.clone()).await? {
            positions.insert(number, None);
        }
        for position in resume {
            positions.insert(self.number(position)?, Some(position.next.clone()));
        }
        let mut parts = BTreeMap::new();
        for (number, position) in positions {
            let (disk, options) = (self.disk.clone(), self.options);
            let folder = self.folder.join(number.to_string());
            let opened = blocking(move || {
                let position = position.as_deref();
                let (mut journal, cursor) =
                    Journal::open(disk, &folder, options, position, fastrand::u64(..))?;
                // A run that died before it could remove them would leave no room for another record.
                if let Some(position) = position {
                    journal.remove_before(position)?;
                }
                Ok((journal, cursor))
            });
            let (journal, cursor) = opened.await?;
            let shared = Arc::new(Shared::new(journal));
            parts.insert(number, Part::new(&self.node, number, shared, cursor));
        }
        Ok(parts)
    }
}

#[async_trait]
impl Source for Journaled {
    fn schema(&self) -> Option<SchemaRef> {
        self.inner.schema()
    }

    fn check(&self) -> Result<()> {
        self.is_journaled()?;
        self.inner.check()
    }

    fn watches(&self) -> Option<String> {
        self.inner.watches()
    }

    fn replay(&self) -> Replay {
        Replay::Positions
    }

    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        self.is_journaled()?;
        // First, because it may not be there yet, and all is tried again then.
        let inner = self.inner.open(&[]).await?;
        let count = inner.len();
        let mut parts = self.open_all(count, resume).await?;
        let journals = parts
            .iter()
            .map(|(number, part)| (*number, part.shared.clone()));
        *self.lock() = journals.collect();
        // Journals of more readers than there are now are read first, by those that there are.
        let mut earlier: Vec<Vec<Part>> = (0..count).map(|_| Vec::new()).collect();
        for (number, part) in parts.split_off(&count) {
            part.shared.end(None);
            if let Some(reader) = earlier.get_mut(number % count.max(1)) {
                reader.push(part);
            }
        }
        let mut readers: Vec<Box<dyn SourceReader>> = Vec::new();
        for ((inner, mut read), (_, own)) in inner.into_iter().zip(earlier).zip(parts) {
            let pump = Pump::new(
                inner,
                own.shared.clone(),
                format!("source {}", self.node),
                self.options,
                self.finite,
                self.clock.clone(),
                self.dropped.clone(),
            );
            read.push(own);
            readers.push(Box::new(JournalReader::new(read, tokio::spawn(pump.run()))));
        }
        Ok(readers)
    }

    async fn committed(&self, positions: &[Position]) -> Result<()> {
        for position in positions {
            let number = self.number(position)?;
            let shared = self.lock().get(&number).cloned();
            let shared = shared.ok_or_else(|| {
                let folder = self.folder.display();
                Error::internal(format!("journal {number} in {folder} is not open"))
            })?;
            let next = position.next.clone();
            blocking(move || shared.remove_before(&next)).await?;
        }
        Ok(())
    }
}

impl Journaled {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Arc<Shared>>> {
        self.journals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The numbers of the journals in a folder.
async fn earlier(disk: Arc<dyn Disk>, folder: PathBuf) -> Result<Vec<usize>> {
    let list = |disk: &dyn Disk, folder: &Path| {
        disk.list(folder).map_err(|error| {
            Error::invalid(format!("cannot list {}", folder.display())).because(error)
        })
    };
    let entries = blocking(move || list(disk.as_ref(), &folder)).await?;
    let folders = entries.iter().filter(|entry| entry.is_folder);
    Ok(folders
        .filter_map(|entry| entry.name.parse().ok())
        .collect())
}

#[cfg(test)]
mod reader_tests;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
