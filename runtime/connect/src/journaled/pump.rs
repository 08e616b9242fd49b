//! The task that reads a source, and acknowledges what is durable in the journal.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use azud_model::{Clock, Error, ErrorKind, Result};

use super::shared::{Shared, blocking};
use crate::{Backoff, JournalOptions, OnFull, Read, Records, SourceReader};

/// So many bytes are made durable by one sync, and the chunk that reaches them.
const GROUP_BYTES: usize = 4 << 20;

/// How often it is asked whether something more is there before a sync: a task of the
/// source may need a turn to hand over the next chunk.
const ASKED: usize = 3;

/// What was dropped is told at most so often.
const TELL_DROPPED: Duration = Duration::from_secs(5);

/// Everything that the task of one reader owns.
pub(super) struct Pump {
    inner: Box<dyn SourceReader>,
    shared: Arc<Shared>,
    /// `source lines`, for messages.
    name: String,
    options: JournalOptions,
    finite: bool,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    /// All that the source's readers dropped.
    dropped: Arc<AtomicU64>,
    /// What this one dropped and has not told.
    untold: u64,
    told: Option<Duration>,
}

// === impl Pump ===

impl Pump {
    pub(super) fn new(
        inner: Box<dyn SourceReader>,
        shared: Arc<Shared>,
        name: String,
        options: JournalOptions,
        finite: bool,
        clock: Arc<dyn Clock>,
        dropped: Arc<AtomicU64>,
    ) -> Self {
        Self {
            inner,
            shared,
            name,
            options,
            finite,
            clock,
            backoff: Backoff::default(),
            dropped,
            untold: 0,
            told: None,
        }
    }

    /// Runs until the source ends or fails, or nobody reads any more.
    pub(super) async fn run(mut self) {
        let ended = self.pump().await;
        self.tell_dropped(true);
        self.shared.end(ended.err());
    }

    async fn pump(&mut self) -> Result<()> {
        self.inner.start_epoch();
        loop {
            self.room().await;
            let mut group = Vec::new();
            let last = self.read(&mut group).await;
            if !group.is_empty() {
                self.write(group).await?;
                let done = self.inner.acknowledge().await;
                if let Err(error) = done {
                    self.pause(error).await?;
                }
            }
            match last {
                None => {}
                Some(Ok(Read::End)) => return Ok(()),
                Some(Err(error)) => self.pause(error).await?,
                Some(Ok(Read::Records(_) | Read::EpochFull)) => {
                    return Err(Error::internal(
                        "a journaled source has no share of an epoch",
                    ));
                }
            }
        }
    }

    /// Waits where the journal is full: whoever sends has to wait, too.
    async fn room(&mut self) {
        if self.options.on_full == OnFull::Drop || self.finite || !self.is_full() {
            return;
        }
        tracing::warn!(
            "{}: its journal has {}: it is not read until an epoch is committed",
            self.name,
            self.options.max_bytes
        );
        while self.is_full() {
            self.shared.removed().await;
        }
    }

    fn is_full(&self) -> bool {
        self.shared.bytes() >= self.options.max_bytes.as_bytes()
    }

    /// Reads what is there, and waits for the first of it. Answers what else it brought
    /// than records.
    async fn read(&mut self, group: &mut Vec<Records>) -> Option<Result<Read>> {
        let room = self.options.max_bytes.as_bytes();
        let room = usize::try_from(room.saturating_sub(self.shared.bytes()));
        let limit = match self.options.on_full {
            OnFull::Wait => GROUP_BYTES.min(room.unwrap_or(GROUP_BYTES)),
            OnFull::Drop => GROUP_BYTES,
        };
        let mut bytes = 0;
        let mut read = self.inner.next().await;
        loop {
            match read {
                Ok(Read::Records(records)) => {
                    self.backoff.reset();
                    bytes += records.payload.bytes.len() + 8 * records.payload.len();
                    group.push(records);
                }
                other => return Some(other),
            }
            if bytes >= limit {
                return None;
            }
            read = self.ready().await?;
        }
    }

    /// What is there without waiting. An `acknowledge` must follow soon, and no call may
    /// be under way then: so one that waits is dropped at once, never later.
    async fn ready(&mut self) -> Option<Result<Read>> {
        for _ in 0..ASKED {
            tokio::task::yield_now().await;
            let mut next = pin!(self.inner.next());
            let polled = poll_fn(|context| Poll::Ready(next.as_mut().poll(context)));
            if let Poll::Ready(read) = polled.await {
                return Some(read);
            }
        }
        None
    }

    /// Makes a group durable; a full disk is waited for.
    async fn write(&mut self, group: Vec<Records>) -> Result<()> {
        if self.finite && self.options.on_full == OnFull::Wait && self.is_full() {
            return Err(Error::invalid(format!(
                "the journal is full: it has {}, and a run with `trigger: once` commits at its \
                 end only; raise `journal_size`",
                self.options.max_bytes
            )));
        }
        let (shared, on_full) = (self.shared.clone(), self.options.on_full);
        let first = blocking(move || {
            let dropped = shared.append(&group, on_full)?;
            Ok((dropped, shared.sync()))
        });
        let (dropped, mut synced) = first.await?;
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        self.untold += dropped;
        self.tell_dropped(false);
        let mut backoff = Backoff::default();
        while let Err(error) = synced {
            self.wait(error, &mut backoff).await?;
            let shared = self.shared.clone();
            synced = blocking(move || shared.sync()).await;
        }
        Ok(())
    }

    async fn pause(&mut self, error: Error) -> Result<()> {
        let mut backoff = self.backoff;
        let waited = self.wait(error, &mut backoff).await;
        self.backoff = backoff;
        waited
    }

    /// What is away now may come back; anything else is the end.
    async fn wait(&mut self, error: Error, backoff: &mut Backoff) -> Result<()> {
        if error.kind() != ErrorKind::Unavailable {
            return Err(error);
        }
        let pause = backoff.pause();
        tracing::warn!(
            "{}: {error}, trying again in {} ms",
            self.name,
            pause.as_millis()
        );
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn tell_dropped(&mut self, at_once: bool) {
        let now = self.clock.elapsed();
        let is_time = self.told.is_none_or(|told| now >= told + TELL_DROPPED);
        if self.untold == 0 || !(is_time || at_once) {
            return;
        }
        tracing::warn!(
            "{}: its journal has {}: {} new records were dropped",
            self.name,
            self.options.max_bytes,
            self.untold
        );
        self.untold = 0;
        self.told = Some(now);
    }
}
