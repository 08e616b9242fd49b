//! The task of one source reader: reads, hands records to its lane, stops when told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use azud_connect::{Backoff, OpenPartitions, Read, fault_point};
use azud_model::{Error, ErrorKind, Result};
use tokio::sync::{Semaphore, mpsc, watch};

use super::message::{Command, Event, Message};
use super::open_reader::OpenReader;
use crate::event_time::Reported;
use crate::telemetry::SourceMeter;

/// How many chunks of records may wait for a lane, the one that it works on included.
pub(super) const CHUNKS_AHEAD: usize = 4;

/// How many chunks of an epoch may be read while the one before is not committed:
/// 64 MiB or so. Where a commit takes long (nobody reads the console's output) an
/// epoch would otherwise grow for as long as that lasts.
const CHUNKS_BEFORE_COMMIT: u32 = 256;

/// Room in the channel beside the chunks: an epoch's end never waits.
const CONTROL_ROOM: usize = 2;

/// Everything that a reader's task owns.
pub(super) struct ReaderTask {
    /// Number of the reader, as in [`Event::Stopped`].
    pub(super) number: usize,
    /// `source lines`, for messages.
    pub(super) name: String,
    /// The instance that decodes what it reads.
    pub(super) instance: usize,
    /// The connector's part, and what is known of it.
    pub(super) of: OpenReader,
    /// To the lane.
    pub(super) lane: crossbeam_channel::Sender<Message>,
    /// From the coordinator.
    pub(super) commands: mpsc::Receiver<Command>,
    /// To the coordinator.
    pub(super) events: mpsc::Sender<Event>,
    /// How many epochs are committed.
    pub(super) committed: watch::Receiver<u64>,
    /// Where it tells that something has come: at once, so that it is known at the epoch's
    /// end whether the source is idle. `None` without event time.
    pub(super) times: Option<Arc<Reported>>,
    /// Records read since the epoch began, by all readers.
    pub(super) records: Arc<AtomicU64>,
    /// Records read since the start, by all readers.
    pub(super) progress: Arc<AtomicU64>,
    /// What the readers of its source have read.
    pub(super) meter: Arc<SourceMeter>,
    /// [`CHUNKS_AHEAD`] of them: taken by chunks that wait for the lane.
    pub(super) permits: Arc<Semaphore>,
}

/// The channel from a reader to its lane.
pub(super) fn channel() -> (
    crossbeam_channel::Sender<Message>,
    crossbeam_channel::Receiver<Message>,
) {
    crossbeam_channel::bounded(CHUNKS_AHEAD + CONTROL_ROOM)
}

// === impl ReaderTask ===

impl ReaderTask {
    /// Runs until the last epoch, a failure, or the coordinator is gone; after the last epoch the
    /// reader is as good as before.
    pub(super) async fn run(mut self) -> Option<OpenReader> {
        let events = self.events.clone();
        let Err(error) = self.epochs().await else {
            return Some(self.of);
        };
        if error.kind() != ErrorKind::Closed {
            let failed = Event::Failed(error.within(&self.name));
            // If nobody listens, the pipeline is already stopping.
            let _ = events.send(failed).await;
        }
        None
    }

    async fn epochs(&mut self) -> Result<()> {
        let permits = self.permits.clone();
        // It outlives epochs: what is away is not asked more often because they are short.
        let mut backoff = Backoff::default();
        for epoch in 0.. {
            self.of.reader.start_epoch();
            self.of.ended = self.read_epoch(epoch, &permits, &mut backoff).await?;
            look(
                self.number,
                self.times.as_deref(),
                self.of.open.as_deref(),
                self.of.ended,
            );
            let stopped = Event::Stopped {
                positions: self.of.reader.positions(),
            };
            tell(&self.events, stopped).await?;
            match self.commands.recv().await {
                Some(Command::Finish(end)) => {
                    let last = end.epoch.last;
                    give(&self.lane, Message::EpochEnd(end))?;
                    if last {
                        return Ok(());
                    }
                }
                Some(Command::Stop | Command::Look | Command::Watermark(_)) => {
                    return Err(Error::internal(
                        "a reader that has stopped was told to go on",
                    ));
                }
                None => return Err(Error::closed("the coordinator is gone")),
            }
        }
        Ok(())
    }

    /// Reads until told to stop; answers whether the source has ended.
    async fn read_epoch(
        &mut self,
        epoch: u64,
        permits: &Arc<Semaphore>,
        backoff: &mut Backoff,
    ) -> Result<bool> {
        let mut ended = self.of.ended;
        // Borrowed by part: the reader itself is busy while others are obeyed.
        let controls = Controls {
            number: self.number,
            times: self.times.as_deref(),
            open: self.of.open.as_deref(),
            lane: &self.lane,
            events: &self.events,
        };
        let mut resting = ended;
        let mut chunks = 0;
        if ended {
            tell(&self.events, Event::Ended(self.number)).await?;
        }
        loop {
            let is_held = chunks >= CHUNKS_BEFORE_COMMIT && *self.committed.borrow() < epoch;
            let read = {
                // It goes on while other things are done: a long wait is not begun anew for them.
                let mut next = std::pin::pin!(self.of.reader.next());
                loop {
                    tokio::select! {
                        biased;
                        command = self.commands.recv() => {
                            if controls.obey(command, ended).await? {
                                return Ok(ended);
                            }
                        }
                        changed = self.committed.changed(), if is_held => match changed {
                            Ok(()) => break None,
                            Err(_) => return Err(Error::closed("the coordinator is gone")),
                        },
                        read = &mut next, if !resting && !is_held => break Some(read),
                    }
                }
            };
            let Some(read) = read else {
                continue;
            };
            match read {
                Ok(Read::Records(records)) => {
                    fault_point("after-fetch");
                    backoff.reset();
                    chunks += 1;
                    let count = records.len() as u64;
                    self.records.fetch_add(count, Ordering::Relaxed);
                    self.progress.fetch_add(count, Ordering::Relaxed);
                    self.meter.read(&records);
                    if let Some(times) = &self.times {
                        times.came(self.number, &records.partition, count);
                    }
                    // They count as read from here on, so waiting for room must not be cut short.
                    let permit = permits.clone().acquire_owned().await;
                    let permit = permit.map_err(|_| Error::closed("the lane is gone"))?;
                    give(
                        &self.lane,
                        Message::Records {
                            instance: self.instance,
                            records: Box::new(records),
                            _permit: permit,
                        },
                    )?;
                }
                Ok(Read::EpochFull) => {
                    resting = true;
                    tell(&self.events, Event::Full(self.number)).await?;
                }
                Err(error) if error.kind() == ErrorKind::Closed => {
                    tracing::info!("{} has ended: {error}", self.name);
                    ended = true;
                    resting = true;
                    tell(&self.events, Event::Ended(self.number)).await?;
                }
                Ok(Read::End) => {
                    ended = true;
                    resting = true;
                    tell(&self.events, Event::Ended(self.number)).await?;
                }
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    let pause = backoff.pause();
                    tracing::warn!(
                        "{}: {error}, trying again in {} ms",
                        self.name,
                        pause.as_millis()
                    );
                    let mut pause = std::pin::pin!(tokio::time::sleep(pause));
                    loop {
                        tokio::select! {
                            biased;
                            command = self.commands.recv() => {
                                if controls.obey(command, ended).await? {
                                    return Ok(ended);
                                }
                            }
                            () = &mut pause => break,
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What of a reader's task takes commands.
struct Controls<'a> {
    number: usize,
    times: Option<&'a Reported>,
    open: Option<&'a dyn OpenPartitions>,
    lane: &'a crossbeam_channel::Sender<Message>,
    events: &'a mpsc::Sender<Event>,
}

// === impl Controls ===

impl Controls<'_> {
    /// Does what a command says while an epoch is read; answers whether to stop.
    async fn obey(&self, command: Option<Command>, ended: bool) -> Result<bool> {
        match command {
            Some(Command::Stop) => return Ok(true),
            Some(Command::Look) => {
                look(self.number, self.times, self.open, ended);
                tell(self.events, Event::Looked).await?;
            }
            Some(Command::Watermark(watermarks)) => {
                give(self.lane, Message::Watermark(watermarks))?;
            }
            Some(Command::Finish(_)) => {
                return Err(Error::internal("finished before it was stopped"));
            }
            None => return Err(Error::closed("the coordinator is gone")),
        }
        Ok(false)
    }
}

/// Hands a message to the lane.
fn give(lane: &crossbeam_channel::Sender<Message>, message: Message) -> Result<()> {
    // Permits bound what is in the channel, so it is never full.
    lane.try_send(message)
        .map_err(|error| match error.is_full() {
            true => Error::internal("the channel to the lane is full"),
            false => Error::closed("the lane is gone"),
        })
}

/// Says which partitions of a reader may give more.
fn look(reader: usize, times: Option<&Reported>, open: Option<&dyn OpenPartitions>, ended: bool) {
    let Some(mut partitions) = times.and_then(Reported::partitions) else {
        return;
    };
    match open {
        _ if ended => partitions.end(reader),
        Some(open) => partitions.keep(reader, &open.list()),
        None => {}
    }
}

// A function, not a method: a reader cannot be shared between threads, so `&self` may not live across an await.
async fn tell(events: &mpsc::Sender<Event>, event: Event) -> Result<()> {
    let sent = events.send(event).await;
    sent.map_err(|_| Error::closed("the coordinator is gone"))
}
