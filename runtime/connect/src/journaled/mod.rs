//! A source that cannot be asked again, made one that can: what it gives goes to a
//! journal, is acknowledged once it is durable there, and is read back by position.
//!
//! ```text
//! inner reader -> pump -> journal (one sync a group) -> reader -> lane
//!        ^---- acknowledge ----'          ^--- segments removed --- committed
//! ```

mod open;
mod pump;
mod reader;
mod receiving;
mod shared;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_model::{Clock, Error, ErrorKind, Position, Result};

use crate::{Disk, Journal, JournalOptions, Replay, Source, SourceReader};
use pump::Pump;
use reader::{JournalReader, Part};
use receiving::{Received, Receiving};
use shared::{Shared, blocking};

/// A partition's name is this and the journal's number.
const PARTITION: &str = "journal-";

/// A source whose [`Source::replay`] is [`Replay::Never`], with a journal for each of its readers.
///
/// It receives from its first `open` on until it is dropped: who opens it again, to go
/// back to a position, closes no connection.
pub struct Journaled {
    inner: Arc<dyn Source>,
    node: String,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    options: JournalOptions,
    finite: bool,
    clock: Arc<dyn Clock>,
    receiving: Mutex<Option<Receiving>>,
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
            receiving: Mutex::default(),
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

    /// Begins to receive: opens the source, and the journals of its readers, of those that
    /// positions are of, and of those that an earlier run had.
    async fn receive(&self, resume: &BTreeMap<usize, String>) -> Result<Received> {
        if let Some(error) = self.lock().take().and_then(|ended| ended.failure()) {
            // A disk that failed is not trusted again; a source may have come back.
            if error.kind() == ErrorKind::Internal {
                return Err(error);
            }
            tracing::warn!("source {}: {error}", self.node);
        }
        // First, because it may not be there yet, and all is tried again then.
        let inner = self.inner.open(&[]).await?;
        let readers = inner.len();
        let mut numbers: BTreeSet<usize> = (0..readers).chain(resume.keys().copied()).collect();
        numbers.extend(earlier(self.disk.clone(), self.folder.clone()).await?);
        let mut receiving = Receiving::new(readers);
        for number in numbers {
            let (disk, options) = (self.disk.clone(), self.options);
            let folder = self.folder.join(number.to_string());
            let position = resume.get(&number).cloned();
            let opened = blocking(move || {
                let position = position.as_deref();
                let (mut journal, _) =
                    Journal::open(disk, &folder, options, position, fastrand::u64(..))?;
                // A run that died before it could remove them would leave no room for another record.
                if let Some(position) = position {
                    journal.remove_before(position)?;
                }
                Ok(journal)
            });
            receiving.add(number, Shared::new(opened.await?));
        }
        for (number, inner) in inner.into_iter().enumerate() {
            let Some(journal) = receiving.journal(number) else {
                continue;
            };
            journal.written().set_inner(inner.open_partitions());
            let pump = Pump::new(
                inner,
                journal,
                format!("source {}", self.node),
                self.options,
                self.finite,
                self.clock.clone(),
                self.dropped.clone(),
            );
            receiving.pump(tokio::spawn(pump.run()));
        }
        let received = receiving.received();
        *self.lock() = Some(receiving);
        Ok(received)
    }

    /// What an earlier `open` has begun; `None` where that has to begin, or has failed.
    fn received(&self) -> Option<Received> {
        let receiving = self.lock();
        let receiving = receiving.as_ref()?;
        (!receiving.has_failed()).then(|| receiving.received())
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
        let mut positions = BTreeMap::new();
        for position in resume {
            positions.insert(self.number(position)?, position.next.clone());
        }
        let (count, journals) = match self.received() {
            Some(received) => received,
            // What fails from now on is for its reader to tell.
            None => self.receive(&positions).await?,
        };
        // Journals of more readers than there are now are read first, by those that there are.
        let mut own: Vec<VecDeque<Part>> = (0..count).map(|_| VecDeque::new()).collect();
        for (number, journal) in journals.into_iter().rev() {
            let (looks, position) = (journal.clone(), positions.get(&number).cloned());
            let cursor = blocking(move || looks.cursor(position.as_deref())).await?;
            if let Some(own) = own.get_mut(number % count.max(1)) {
                own.push_front(Part::new(&self.node, number, journal, cursor));
            }
        }
        let readers = own.into_iter().map(|mut parts| {
            let earlier = parts.split_off(1.min(parts.len()));
            let parts = earlier.into_iter().chain(parts).collect();
            Box::new(JournalReader::new(parts)) as Box<dyn SourceReader>
        });
        Ok(readers.collect())
    }

    async fn committed(&self, positions: &[Position]) -> Result<()> {
        for position in positions {
            let number = self.number(position)?;
            let shared = self.lock().as_ref().and_then(|all| all.journal(number));
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
    fn lock(&self) -> MutexGuard<'_, Option<Receiving>> {
        self.receiving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
