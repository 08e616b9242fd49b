//! How long things took, in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in seconds: what takes longer than the last is counted beside them.
/// From a call of a plugin to the commit of a slow sink.
const BOUNDS: [f64; 15] = [
    0.000_01, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5,
    10.0, 60.0,
];

/// Durations, counted by any thread; never locked.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

/// A histogram as it was at some moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Durations {
    /// All durations together, in seconds.
    pub(crate) sum: f64,
    /// Bounds, and how many durations are in each bucket alone; the last bound is `f64::INFINITY`.
    pub(crate) buckets: Vec<(f64, u64)>,
}

// === impl Histogram ===

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Durations {
        let bounds = BOUNDS.iter().copied().chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|one| one.load(Ordering::Relaxed));
        Durations {
            sum: self.nanos.load(Ordering::Relaxed) as f64 / 1e9,
            buckets: bounds.zip(counts).collect(),
        }
    }
}

// === impl Durations ===

impl Durations {
    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_that_it_fits_in() {
        let histogram = Histogram::default();
        for micros in [0, 10, 11, 1_000, 60_000_000, 60_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let read = histogram.read();
        assert_eq!(read.count(), 6);
        assert!((read.sum - 120.001_022).abs() < 1e-9, "{}", read.sum);
        let found = read.buckets.iter().filter(|(_, count)| *count > 0);
        let found: Vec<_> = found.copied().collect();
        let expected = [
            (0.000_01, 2),
            (0.000_1, 1),
            (0.001, 1),
            (60.0, 1),
            (f64::INFINITY, 1),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn bounds_ascend() {
        assert!(BOUNDS.is_sorted());
    }
}
