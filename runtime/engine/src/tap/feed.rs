//! A tap's end in the lanes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use azud_model::{Clock, SystemClock};
use tokio::sync::mpsc;

use super::pace::Pace;
use super::{TapOptions, TappedRow};

/// Bytes of rows that may wait for whoever looks.
const WAITING: usize = 4 << 20;

/// What a tap's lanes and whoever looks know both.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Rows that have passed.
    pub(super) passed: AtomicU64,
    /// Bytes of rows that wait.
    pub(super) waiting: AtomicUsize,
    /// Why nothing more comes.
    pub(super) why: OnceLock<String>,
}

/// Picks rows for a tap. Shared by the lanes, none of which ever waits for whoever looks.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) known: Arc<Known>,
    clock: SystemClock,
    pace: Mutex<Pace>,
    rows: mpsc::Sender<TappedRow>,
}

// === impl Feed ===

impl Feed {
    /// A feed, and what it is read by.
    pub(super) fn new(options: &TapOptions) -> (Self, mpsc::Receiver<TappedRow>) {
        let rate = options.rate.max(1);
        // A second's worth may come at once.
        let (rows, receiver) = mpsc::channel(rate as usize);
        let clock = SystemClock::new();
        let feed = Self {
            known: Arc::default(),
            pace: Mutex::new(Pace::new(rate, clock.elapsed())),
            clock,
            rows,
        };
        (feed, receiver)
    }

    /// So many rows pass; those that are picked, over all of them, are shown.
    pub(super) fn pass(&self, rows: usize, show: &dyn Fn(usize) -> Option<TappedRow>) {
        self.known.passed.fetch_add(rows as u64, Ordering::Relaxed);
        let picked = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.take(rows, self.clock.elapsed())
        };
        for number in 0..picked {
            // Where there is no room, nothing is written: whoever looks is behind.
            let has_room = self.known.waiting.load(Ordering::Relaxed) < WAITING;
            let Some(room) = has_room.then(|| self.rows.try_reserve().ok()).flatten() else {
                return;
            };
            if let Some(row) = show(number * rows / picked) {
                self.known.waiting.fetch_add(row.bytes(), Ordering::Relaxed);
                room.send(row);
            }
        }
    }

    /// Nothing more comes, for this reason: the first one counts.
    pub(super) fn end(&self, why: &str) {
        let _ = self.known.why.set(why.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize) -> Option<TappedRow> {
        Some(TappedRow::Row(number.to_string()))
    }

    #[test]
    fn rows_are_picked_over_all_of_a_batch() {
        let (feed, mut rows) = Feed::new(&TapOptions {
            rate: 4,
            limit: None,
        });
        feed.pass(1_000, &row);
        let shown: Vec<_> = std::iter::from_fn(|| rows.try_recv().ok()).collect();
        let expected = [0, 250, 500, 750].map(|number| row(number).unwrap());
        assert_eq!(shown, expected);
        assert_eq!(feed.known.passed.load(Ordering::Relaxed), 1_000);
    }

    #[test]
    fn nobody_waits_for_who_does_not_look() {
        let (feed, mut rows) = Feed::new(&TapOptions {
            rate: 1_000,
            limit: None,
        });
        let long = "x".repeat(1 << 20);
        let long = |_| Some(TappedRow::Row(long.clone()));
        feed.pass(100, &long);
        feed.pass(100, &|_| panic!("there is no room for another"));
        assert_eq!(feed.known.passed.load(Ordering::Relaxed), 200);
        let shown = std::iter::from_fn(|| rows.try_recv().ok()).count();
        assert_eq!(shown, WAITING >> 20);
    }
}
