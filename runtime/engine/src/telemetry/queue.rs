//! How full the channels before lanes and sinks are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Chunks, batches or pieces of output that wait for a node in one lane.
pub(crate) struct Queue {
    /// The node that they wait for; of a source, those that its decoder waits with.
    pub(crate) node: Arc<str>,
    pub(crate) lane: usize,
    /// How many there may be.
    pub(crate) capacity: usize,
    /// How many there are. Asked at any time, by any thread: must not keep a channel open.
    pub(crate) fill: Box<dyn Fn() -> usize + Send + Sync>,
}

/// Counts batches between two lanes, for as long as it lives: what a lane works on included.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

// === impl Waiting ===

impl Waiting {
    /// One more.
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("node", &self.node)
            .field("lane", &self.lane)
            .field("fill", &(self.fill)())
            .field("capacity", &self.capacity)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_waits_no_more() {
        let count: Arc<AtomicUsize> = Arc::default();
        let waiting = [Waiting::new(&count), Waiting::new(&count)];
        assert_eq!(count.load(Ordering::Relaxed), 2);
        drop(waiting);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
