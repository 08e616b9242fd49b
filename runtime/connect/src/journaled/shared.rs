//! What pump, reader and commits share of one journal.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use azud_model::{Error, Result};
use tokio::sync::{Notify, watch};

use super::open::Written;
use crate::{Cursor, Journal, OnFull, Records};

/// A journal, and how far it is.
#[derive(Debug)]
pub(super) struct Shared {
    /// Locked for as long as a sync takes: never on the I/O threads but when the source is dropped.
    journal: Mutex<Journal>,
    progress: watch::Sender<Progress>,
    bytes: AtomicU64,
    /// Told when segments were removed.
    room: Notify,
    /// Why the pump has ended, until the reader has told.
    failure: Mutex<Option<Error>>,
    /// Whose records there are.
    written: Written,
    has_failed: AtomicBool,
}

/// What there is to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// The sequence number after the last durable record.
    pub(super) durable: u64,
    /// No more will come.
    pub(super) ended: bool,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(journal: Journal) -> Self {
        let progress = Progress {
            durable: journal.next(),
            ended: false,
        };
        Self {
            bytes: AtomicU64::new(journal.bytes()),
            journal: Mutex::new(journal),
            progress: watch::Sender::new(progress),
            room: Notify::new(),
            failure: Mutex::default(),
            written: Written::default(),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Appends records, and answers how many did not fit and were dropped. Blocks.
    pub(super) fn append(&self, group: &[Records], on_full: OnFull) -> Result<u64> {
        let mut journal = self.lock();
        let mut dropped = 0;
        for records in group {
            match on_full == OnFull::Drop && !journal.has_room(records) {
                true => dropped += records.len() as u64,
                false => {
                    journal.append(records)?;
                    // Before they can be read.
                    self.written.appended(&records.partition, journal.next());
                }
            }
        }
        Ok(dropped)
    }

    /// Makes what was appended durable and visible. Blocks.
    pub(super) fn sync(&self) -> Result<()> {
        let mut journal = self.lock();
        journal.sync()?;
        self.bytes.store(journal.bytes(), Ordering::Release);
        let durable = journal.next();
        self.progress
            .send_modify(|progress| progress.durable = durable);
        Ok(())
    }

    /// Removes what is committed. Blocks.
    pub(super) fn remove_before(&self, position: &str) -> Result<()> {
        let mut journal = self.lock();
        let removed = journal.remove_before(position);
        self.bytes.store(journal.bytes(), Ordering::Release);
        self.room.notify_one();
        removed
    }

    /// How many bytes the journal has on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Waits until something was removed since the last call.
    pub(super) async fn removed(&self) {
        self.room.notified().await;
    }

    pub(super) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Nothing more will come, and why, if that is an error.
    pub(super) fn end(&self, failure: Option<Error>) {
        self.has_failed.store(failure.is_some(), Ordering::Release);
        *self.failure() = failure;
        self.progress.send_modify(|progress| progress.ended = true);
    }

    /// Whether it has ended with an error.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Where reading goes on: at a recorded position, or at the journal's start. Blocks.
    pub(super) fn cursor(&self, position: Option<&str>) -> Result<Cursor> {
        self.lock().cursor_at(position)
    }

    /// The error that everything has ended with.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failure().take()
    }

    /// Waits for the disk, then nothing is written any more.
    pub(super) fn close(&self) {
        self.lock().close();
    }

    /// Whose records there are.
    pub(super) fn written(&self) -> &Written {
        &self.written
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what blocks on a thread for that.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal("the journal's disk work").because(error))?
}
