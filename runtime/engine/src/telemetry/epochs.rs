//! What is measured of epochs: by the coordinator, once an epoch.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::histogram::{Durations, Histogram};

/// A part of an epoch's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// From its begin until its end was called: reading and processing.
    Process,
    /// Until every sink had prepared what it was given.
    Prepare,
    /// Until it was recorded, and every sink had committed.
    Commit,
}

/// Epochs of a run, whatever manifest and attempt they were of.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    committed: AtomicU64,
    rolled_back: AtomicU64,
    /// When the last one was committed: milliseconds since 1970, 0 before there is one.
    last_ms: AtomicI64,
    phases: [Histogram; 3],
    /// Of the checkpoint's records.
    records: Histogram,
}

// === impl Phase ===

impl Phase {
    pub(crate) const ALL: [Self; 3] = [Self::Process, Self::Prepare, Self::Commit];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Prepare => "prepare",
            Self::Commit => "commit",
        }
    }
}

// === impl Epochs ===

impl Epochs {
    /// One is committed, at that time of the wall clock. `times` are when it began, its end was
    /// called, all was prepared, and all was committed.
    pub(super) fn committed(&self, wall_ms: i64, times: [Duration; 4]) {
        let [began, cut, prepared, committed] = times;
        let phases = [(began, cut), (cut, prepared), (prepared, committed)];
        for (histogram, (from, to)) in self.phases.iter().zip(phases) {
            histogram.observe(to.saturating_sub(from));
        }
        self.last_ms.store(wall_ms, Ordering::Relaxed);
        self.committed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn rolled_back(&self) {
        self.rolled_back.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn recorded(&self, took: Duration) {
        self.records.observe(took);
    }

    pub(super) fn count(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    pub(super) fn rollbacks(&self) -> u64 {
        self.rolled_back.load(Ordering::Relaxed)
    }

    /// In milliseconds since 1970.
    pub(super) fn last_ms(&self) -> Option<i64> {
        Some(self.last_ms.load(Ordering::Relaxed)).filter(|ms| *ms != 0)
    }

    pub(super) fn phases(&self) -> impl Iterator<Item = (Phase, Durations)> {
        let phases = Phase::ALL.into_iter().zip(&self.phases);
        phases.map(|(phase, histogram)| (phase, histogram.read()))
    }

    pub(super) fn records(&self) -> Durations {
        self.records.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_epoch_are_told_apart() {
        let epochs = Epochs::default();
        assert_eq!(epochs.last_ms(), None);
        let at = Duration::from_secs;
        epochs.committed(7, [at(1), at(3), at(6), at(10)]);
        epochs.committed(8, [at(10), at(10), at(10), at(10)]);
        assert_eq!((epochs.count(), epochs.last_ms()), (2, Some(8)));
        let read: Vec<_> = epochs.phases().collect();
        let sums: Vec<_> = read
            .iter()
            .map(|(phase, of)| (phase.name(), of.sum))
            .collect();
        assert_eq!(sums, [("process", 2.0), ("prepare", 3.0), ("commit", 4.0)]);
        assert!(read.iter().all(|(_, of)| of.count() == 2));
    }
}
