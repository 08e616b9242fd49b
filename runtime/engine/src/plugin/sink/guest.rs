//! Who is offered rows: a sink plugin in its lane, or one with transactions on a thread
//! of its own.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_model::Error;
use azud_sandbox::{Flushed, GuestError, Outcome, Sink};

use super::transactions::Handle;
use crate::swap::InLane;

/// A plugin as a lane calls it.
pub(crate) enum Guest {
    /// One of the lane's own.
    Own(Box<InLane<Sink>>),
    /// The only one of its node.
    Transactional(Arc<Handle>),
}

// === impl Guest ===

impl Guest {
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<Outcome, GuestError> {
        match self {
            Self::Own(plugin) => plugin.call_once(|sink| sink.write(batch)),
            Self::Transactional(handle) => {
                // Its buffers are shared, not copied.
                let batch = batch.clone();
                handle.ask(move |transactions| transactions.write(&batch))
            }
        }
    }

    pub(super) fn flush(&mut self) -> Result<Flushed, GuestError> {
        match self {
            Self::Own(plugin) => plugin.call_once(Sink::flush),
            Self::Transactional(handle) => handle.ask(|transactions| transactions.flush()),
        }
    }

    /// Why the version that failed computes nothing any more: the one before computes the epoch
    /// again.
    pub(super) fn taken_back(&self) -> Option<Error> {
        match self {
            Self::Own(plugin) => plugin.taken_back(),
            Self::Transactional(_) => None,
        }
    }

    /// Whether the call that failed last took back a version, and the one before is asked now.
    pub(super) fn has_gone_back(&mut self) -> bool {
        match self {
            Self::Own(plugin) => plugin.has_gone_back(),
            Self::Transactional(_) => false,
        }
    }

    /// The sha256 of the version, where it may be another one than the plan's.
    pub(super) fn digest(&self) -> Option<&str> {
        match self {
            Self::Own(plugin) => Some(plugin.digest()),
            Self::Transactional(_) => None,
        }
    }

    /// The lane has ended an epoch, and nothing of it is left.
    pub(super) fn end_epoch(&mut self, epoch: u64) -> Result<(), Error> {
        match self {
            Self::Own(plugin) => plugin.end_epoch(epoch, None).map(drop),
            Self::Transactional(_) => Ok(()),
        }
    }

    pub(super) fn pause(&self, after: Duration) -> Result<(), GuestError> {
        match self {
            Self::Own(plugin) => plugin.get().pause(after),
            Self::Transactional(handle) => {
                handle.ask(move |transactions| transactions.pause(after))
            }
        }
    }
}
