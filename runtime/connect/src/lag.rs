//! How far behind a reader is.

use std::sync::Arc;

use azud_model::Partition;

/// Tells how many records of each partition a reader has not given yet, of those that there are.
/// Asked whenever somebody looks at a running pipeline, also while the reader waits for its lane: so
/// it is told apart from the reader, and answers at once, from what is known by then.
pub trait Lag: Send + Sync {
    /// Every partition of which that is known, and the records.
    fn list(&self) -> Vec<(Arc<Partition>, u64)>;
}
