//! An epoch: a micro-batch and a checkpoint in one.

/// What is known of an epoch when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// 0 for the first epoch of a pipeline, then one more each time.
    pub number: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z. With `trigger: 5s` the tick
    /// that cut the epoch, a multiple of the interval: a DStream's batch time.
    /// Otherwise the moment at which the epoch was ended.
    pub time_ms: i64,
    /// Records that the sources gave in this epoch, rejected ones included.
    pub input_rows: u64,
    /// Whether no epoch follows, because every source has ended or was stopped.
    pub last: bool,
}
