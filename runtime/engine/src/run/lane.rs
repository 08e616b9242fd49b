//! A lane's thread: takes messages, calls the chain, waits for every input at an epoch's end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use azud_connect::fault_point;
use azud_model::{Error, ErrorKind, Result, Watermark};
use crossbeam_channel::{Receiver, Select};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::chain::Chain;
use super::message::{EpochEnd, Event, Message};
use crate::event_time::Watermarks;
use crate::recovery::Restore;

/// Everything that a lane's thread owns.
pub(super) struct Lane {
    /// `lane 1 of stage 0`, for messages.
    pub(super) name: String,
    /// What it computes.
    pub(super) chain: Chain,
    /// What it is fed by; one of them always brings the epochs' ends.
    pub(super) inputs: Vec<Receiver<Message>>,
    /// To the lanes below, for epoch ends.
    pub(super) below: Vec<crossbeam_channel::Sender<Message>>,
    /// To the coordinator.
    pub(super) events: mpsc::Sender<Event>,
    /// State that an earlier run has left.
    pub(super) restores: Vec<Restore>,
    /// This lane, and how many there are.
    pub(super) lane: (usize, usize),
    /// How far event time had come when an earlier run ended.
    pub(super) reached: Watermarks,
    /// The same of instances with state, whatever their sources were.
    pub(super) reached_by: Vec<(usize, Watermark)>,
    /// Where a checkpoint is read.
    pub(super) runtime: Handle,
    /// How many lanes have not read their states yet.
    pub(super) restoring: Arc<AtomicUsize>,
    /// How many watermarks it has taken within epochs.
    pub(super) taken: Arc<AtomicU64>,
}

// === impl Lane ===

impl Lane {
    /// Runs until the last epoch, a failure, or its inputs are gone.
    pub(super) fn run(mut self) {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.epochs()));
        let error = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => Error::internal("a panic, see above: this is a mistake in azud itself"),
        };
        let error = match error.kind() {
            // Another part stopped first, and says why.
            ErrorKind::Closed => return,
            ErrorKind::Internal => error.within(&self.name),
            _ => error,
        };
        // If nobody listens, the pipeline is already stopping.
        let _ = self.events.blocking_send(Event::Failed(error));
    }

    fn epochs(&mut self) -> Result<()> {
        // State that is closed is not gone on with.
        self.chain.watermark(&self.reached, &self.reached_by)?;
        for restore in std::mem::take(&mut self.restores) {
            let (lane, lanes) = self.lane;
            let rows = restore.rows(lane, lanes, &self.runtime)?;
            self.chain.restore(&restore, &rows)?;
        }
        self.restoring.fetch_sub(1, Ordering::Release);
        self.chain.tell_wanted();
        loop {
            let end = self.epoch()?;
            if let Some(replay) = &end.replay {
                self.chain.replay(replay, self.lane.1)?;
                fault_point("in-replay");
            }
            let events = &self.events;
            self.chain.end_epoch(&end, |changes| {
                let sent = events.blocking_send(Event::Changed(changes));
                sent.map_err(|_| Error::closed("the coordinator is gone"))
            })?;
            for lane in &self.below {
                let sent = lane.send(Message::EpochEnd(end.clone()));
                sent.map_err(|_| Error::closed("a later lane has stopped"))?;
            }
            if end.epoch.last {
                return Ok(());
            }
        }
    }

    /// Works on one epoch until all inputs have ended it.
    fn epoch(&mut self) -> Result<EpochEnd> {
        // An input that has ended the epoch is not read until all have: what follows belongs to the next.
        let mut open: Vec<Receiver<Message>> = self.inputs.clone();
        // Nor is one that has brought a watermark, until all have.
        let mut waiting = Vec::new();
        loop {
            let wake_in = self.chain.wake_in();
            if wake_in == Some(Duration::ZERO) {
                self.chain.wake()?;
                continue;
            }
            let Some((number, message)) = receive(&open, wake_in)? else {
                continue;
            };
            match message {
                Message::Records {
                    instance, records, ..
                } => self.chain.records(instance, &records)?,
                Message::Batch {
                    instance,
                    input,
                    batch,
                    ..
                } => self.chain.batch(instance, input, batch)?,
                Message::Watermark(watermarks) => {
                    waiting.push(open.swap_remove(number));
                    if open.is_empty() {
                        open = std::mem::take(&mut waiting);
                        self.watermark(&watermarks)?;
                    }
                }
                Message::EpochEnd(end) => {
                    open.swap_remove(number);
                    if open.is_empty() {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Event time has moved within an epoch.
    fn watermark(&mut self, watermarks: &Watermarks) -> Result<()> {
        self.chain.watermark(watermarks, &[])?;
        self.taken.fetch_add(1, Ordering::Release);
        for lane in &self.below {
            let sent = lane.send(Message::Watermark(watermarks.clone()));
            sent.map_err(|_| Error::closed("a later lane has stopped"))?;
        }
        Ok(())
    }
}

/// The next message and the number of its input; `None` if none came in time.
fn receive(
    inputs: &[Receiver<Message>],
    within: Option<Duration>,
) -> Result<Option<(usize, Message)>> {
    let mut select = Select::new();
    for input in inputs {
        select.recv(input);
    }
    let ready = match within {
        None => select.select(),
        Some(within) => match select.select_timeout(within) {
            Ok(ready) => ready,
            Err(_) => return Ok(None),
        },
    };
    let number = ready.index();
    let Some(input) = inputs.get(number) else {
        return Err(Error::internal("an input is missing"));
    };
    match ready.recv(input) {
        Ok(message) => Ok(Some((number, message))),
        Err(_) => Err(Error::closed("an input has stopped")),
    }
}
