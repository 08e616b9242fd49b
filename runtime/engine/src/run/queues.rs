//! How full the channels of readers and writers are, for whoever looks.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::message::SinkMessage;
use super::reader::CHUNKS_AHEAD;
use super::writer::OUTPUTS_AHEAD;
use crate::telemetry::Queue;

/// Chunks of a source that wait for a lane, the one that it works on included.
pub(super) fn source_queue(node: Arc<str>, lane: usize, permits: &Arc<Semaphore>) -> Queue {
    let permits = permits.clone();
    Queue {
        node,
        lane,
        capacity: CHUNKS_AHEAD,
        fill: Box::new(move || CHUNKS_AHEAD.saturating_sub(permits.available_permits())),
    }
}

/// Pieces of output that wait for a sink's writer, besides the one that it writes.
pub(super) fn sink_queue(node: &str, lane: usize, sender: &mpsc::Sender<SinkMessage>) -> Queue {
    // Who only looks does not keep the channel open.
    let sender = sender.downgrade();
    Queue {
        node: node.into(),
        lane,
        capacity: OUTPUTS_AHEAD,
        fill: Box::new(move || {
            let sender = sender.upgrade();
            sender.map_or(0, |sender| sender.max_capacity() - sender.capacity())
        }),
    }
}
