//! Exactly once as a member of a group: rows and the positions that they come from in one
//! transaction, which is all that there is to know.
//!
//! What was not committed is dropped, never finished: whoever has the partitions then reads them
//! again. A member that was put out of its group cannot commit any more, whatever it has written:
//! the group's coordinator refuses its positions (KIP-447), and with them the transaction.

use std::sync::Arc;

use azud_model::{Epoch, Error, ErrorKind, Position, Result};
use rdkafka::ClientConfig;
use rdkafka::producer::Producer;
use tokio::sync::watch;

use super::layout::Layout;
use super::pass::{Pass, Progress, given_up};
use super::patience::{CALL, Failure, patiently};
use super::producer::Out;
use super::records::RecordsOut;
use crate::source::Member;

/// The transactions of a member. Every call blocks.
pub(super) struct MemberTransactions {
    /// Of the producer: with a transactional id of this process alone.
    config: ClientConfig,
    topic: Option<String>,
    member: Arc<Member>,
    /// `None` where it is to be made anew.
    out: Option<Out>,
    has_begun: bool,
    /// Told to the writers.
    progress: watch::Sender<Progress>,
}

// === impl MemberTransactions ===

impl MemberTransactions {
    pub(super) fn new(config: &ClientConfig, topic: Option<&str>, member: Arc<Member>) -> Self {
        Self {
            config: config.clone(),
            topic: topic.map(str::to_owned),
            member,
            out: None,
            has_begun: false,
            progress: watch::Sender::default(),
        }
    }

    /// Before the first rows of an attempt: what one of its writers is admitted by.
    pub(super) fn open(&mut self) -> Result<Pass> {
        let pass = Pass::new(self.progress.subscribe());
        if self.out.is_some() {
            return Ok(pass);
        }
        let out = Out::new(&self.config, self.topic.as_deref())?;
        out.find_topic()?;
        patiently(&out, "cannot begin transactions", |out| {
            out.producer.init_transactions(CALL)
        })
        .map_err(Failure::into_error)?;
        self.has_begun = false;
        self.out = Some(out);
        Ok(pass)
    }

    fn begin(&mut self) -> Result<&Out> {
        let out = self.out.as_ref().ok_or_else(given_up)?;
        if !self.has_begun {
            out.forget();
            let begun = out.producer.begin_transaction();
            begun.map_err(|error| aborted(out.failed("cannot begin a transaction", error)))?;
            self.has_begun = true;
        }
        Ok(out)
    }

    /// Sends rows of an attempt within the epoch's transaction.
    pub(super) fn send(
        &mut self,
        attempt: u64,
        layout: &Layout,
        records: &RecordsOut,
    ) -> Result<()> {
        // A call that was under way when its attempt ended comes after it.
        if self.progress.borrow().attempt != attempt {
            return Err(given_up());
        }
        let sent = self.begin()?.send(layout, records);
        sent.map_err(aborted)
    }

    /// Commits rows and positions.
    pub(super) fn commit(&mut self, epoch: &Epoch, positions: &[Position]) -> Result<()> {
        let member = self.member.clone();
        // Until it is done nobody takes a partition away.
        let held = member.hold()?;
        let offsets = Member::offsets(positions)?;
        let out = self.begin()?;
        out.press();
        let ended = patiently(out, "cannot commit positions", |out| {
            out.send_offsets(&offsets, held.metadata())
        });
        let ended = ended.and_then(|()| {
            azud_connect::fault_point("before-kafka-commit");
            patiently(out, "cannot commit a transaction", Out::commit)
        });
        azud_connect::fault_point("after-kafka-commit");
        match ended {
            Ok(()) => {
                self.has_begun = false;
                self.progress
                    .send_modify(|progress| progress.committed = Some(epoch.number));
                Ok(())
            }
            Err(Failure::Abortable(error)) => {
                let said = out.reason();
                self.abort();
                Err(aborted(said.unwrap_or(error)))
            }
            // The group's offsets say whether it was committed: the next attempt reads them.
            Err(Failure::Indefinite(error)) => {
                self.out = None;
                self.abort();
                Err(aborted(error))
            }
        }
    }

    /// Ends an attempt: drops what was sent and not committed.
    pub(super) fn abort(&mut self) {
        // Epochs may be counted anew.
        self.progress.send_modify(|progress| {
            progress.attempt += 1;
            progress.committed = None;
        });
        let Some(out) = self.out.as_ref().filter(|_| self.has_begun) else {
            return;
        };
        self.has_begun = false;
        if let Err(error) = out.producer.abort_transaction(CALL) {
            tracing::debug!("a transaction is dropped with its producer: {error}");
        }
        // A request that is still on its way must not come to be of the next transaction: only
        // another producer fences it (KIP-890).
        self.out = None;
    }
}

/// Another attempt may come to what this one did not; but for what no attempt can.
fn aborted(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Unavailable => Error::aborted(error.to_string()),
        _ => error,
    }
}
