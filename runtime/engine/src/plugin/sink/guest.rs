//! Who is offered rows: a sink plugin in its lane, or one with transactions on a thread
//! of its own.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_sandbox::{Flushed, GuestError, Outcome, Sink};

use super::transactions::Handle;

/// A plugin as a lane calls it.
pub(crate) enum Guest {
    /// One of the lane's own.
    Own(Box<Sink>),
    /// The only one of its node.
    Transactional(Arc<Handle>),
}

// === impl Guest ===

impl Guest {
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<Outcome, GuestError> {
        match self {
            Self::Own(sink) => sink.write(batch),
            Self::Transactional(handle) => {
                // Its buffers are shared, not copied.
                let batch = batch.clone();
                handle.ask(move |transactions| transactions.write(&batch))
            }
        }
    }

    pub(super) fn flush(&mut self) -> Result<Flushed, GuestError> {
        match self {
            Self::Own(sink) => sink.flush(),
            Self::Transactional(handle) => handle.ask(|transactions| transactions.flush()),
        }
    }

    pub(super) fn pause(&self, after: Duration) -> Result<(), GuestError> {
        match self {
            Self::Own(sink) => sink.pause(after),
            Self::Transactional(handle) => {
                handle.ask(move |transactions| transactions.pause(after))
            }
        }
    }
}
