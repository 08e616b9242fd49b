//! Exactly once as a member of a group: rows and the positions that they come from in one
//! transaction, which is all that there is to know.
//!
//! What was not committed is dropped, never finished: whoever has the partitions then reads them
//! again. A member that was put out of its group cannot commit any more, whatever it has written:
//! the group's coordinator refuses its positions (KIP-447), and with them the transaction.

use std::sync::Arc;

use azud_model::{Error, ErrorKind, Position, Result};
use rdkafka::ClientConfig;
use rdkafka::producer::Producer;

use super::layout::Layout;
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
        }
    }

    /// Before the first rows of an attempt.
    pub(super) fn open(&mut self) -> Result<()> {
        if self.out.is_some() {
            return Ok(());
        }
        let out = Out::new(&self.config, self.topic.as_deref())?;
        out.find_topic()?;
        patiently(&out, "cannot begin transactions", |out| {
            out.producer.init_transactions(CALL)
        })
        .map_err(Failure::into_error)?;
        self.has_begun = false;
        self.out = Some(out);
        Ok(())
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

    /// Sends rows within the epoch's transaction.
    pub(super) fn send(&mut self, layout: &Layout, records: &RecordsOut) -> Result<()> {
        let sent = self.begin()?.send(layout, records);
        sent.map_err(aborted)
    }

    /// Commits rows and positions.
    pub(super) fn commit(&mut self, positions: &[Position]) -> Result<()> {
        let member = self.member.clone();
        // Until it is done nobody takes a partition away.
        let held = member.hold()?;
        let offsets = Member::offsets(positions)?;
        let out = self.begin()?;
        let ended = patiently(out, "cannot commit positions", |out| {
            let producer = &out.producer;
            producer.send_offsets_to_transaction(&offsets, held.metadata(), CALL)
        });
        let ended = ended.and_then(|()| {
            azud_connect::fault_point("before-kafka-commit");
            patiently(out, "cannot commit a transaction", |out| {
                out.producer.commit_transaction(CALL)
            })
        });
        azud_connect::fault_point("after-kafka-commit");
        match ended {
            Ok(()) => {
                self.has_begun = false;
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
                Err(aborted(error))
            }
        }
    }

    /// Drops what was sent and not committed.
    pub(super) fn abort(&mut self) {
        let Some(out) = self.out.as_ref().filter(|_| self.has_begun) else {
            return;
        };
        self.has_begun = false;
        if let Err(error) = out.producer.abort_transaction(CALL) {
            tracing::debug!("a transaction is dropped with its producer: {error}");
            self.out = None;
        }
    }
}

fn given_up() -> Error {
    Error::aborted("the transaction was given up")
}

/// Another attempt may come to what this one did not; but for what no attempt can.
fn aborted(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Unavailable => Error::aborted(error.to_string()),
        _ => error,
    }
}
