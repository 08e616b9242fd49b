//! A place that rows pass.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use super::TappedRow;
use super::feed::{Feed, Known};

/// Where the rows of a name pass, in all lanes.
#[derive(Debug, Default)]
pub(crate) struct Point {
    /// Whether anybody looks: all that a lane asks of a batch where nobody does.
    is_open: AtomicBool,
    feeds: RwLock<Vec<Arc<Feed>>>,
}

// === impl Point ===

impl Point {
    /// So many rows pass. `show` writes one of them, and is called for those that are shown.
    pub(super) fn pass(&self, rows: usize, show: impl Fn(usize) -> Option<TappedRow>) {
        // One that was just opened may miss a batch.
        if !self.is_open.load(Ordering::Relaxed) || rows == 0 {
            return;
        }
        let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
        for feed in feeds.iter() {
            feed.pass(rows, &show);
        }
    }

    pub(super) fn open(&self, feed: Feed) {
        let mut feeds = self.write();
        feeds.push(Arc::new(feed));
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// Lets go of the feed that is known by this.
    pub(super) fn close(&self, known: &Arc<Known>) {
        let mut feeds = self.write();
        feeds.retain(|feed| !Arc::ptr_eq(&feed.known, known));
        self.is_open.store(!feeds.is_empty(), Ordering::Relaxed);
    }

    /// Lets go of all, with a word.
    pub(super) fn end(&self, why: &str) {
        let mut feeds = self.write();
        feeds.drain(..).for_each(|feed| feed.end(why));
        self.is_open.store(false, Ordering::Relaxed);
    }

    /// Held for a few words only: lanes may be passing.
    fn write(&self) -> RwLockWriteGuard<'_, Vec<Arc<Feed>>> {
        self.feeds.write().unwrap_or_else(PoisonError::into_inner)
    }
}
