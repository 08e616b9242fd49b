//! Chance that can be repeated: a random number generator a row.

use fastrand::Rng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The chance of one column, or of its nulls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    seed: u64,
}

// === impl Draw ===

impl Draw {
    /// By name, not by place: another column beside it changes nothing.
    pub(crate) fn new(seed: u64, purpose: &str, column: &str) -> Self {
        Self {
            seed: xxh3_64_with_seed(format!("{purpose} {column}").as_bytes(), seed),
        }
    }

    /// The generator of a row: the same whoever asks, in whatever order.
    pub(crate) fn row(self, row: u64) -> Rng {
        Rng::with_seed(xxh3_64_with_seed(&row.to_le_bytes(), self.seed))
    }
}
