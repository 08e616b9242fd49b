//! A reader that is open: of an attempt, or kept for the one that follows.

use std::sync::Arc;

use azud_connect::{Lag, OpenPartitions, SourceReader};

/// A reader, and what is known of it: at the end of an epoch another attempt may go on with it as
/// if nothing had happened.
pub(super) struct OpenReader {
    /// The source's number in the plan.
    pub(super) source: usize,
    /// Its number in the source.
    pub(super) number: usize,
    /// The connector's part.
    pub(super) reader: Box<dyn SourceReader>,
    /// Who says which of its partitions may give more.
    pub(super) open: Option<Arc<dyn OpenPartitions>>,
    /// Who says how many records it has not given yet.
    pub(super) lag: Option<Arc<dyn Lag>>,
    /// Whether there will never be another record.
    pub(super) ended: bool,
}

// === impl OpenReader ===

impl OpenReader {
    /// One that is new.
    pub(super) fn new(source: usize, number: usize, reader: Box<dyn SourceReader>) -> Self {
        Self {
            source,
            number,
            open: reader.open_partitions(),
            lag: reader.lag(),
            reader,
            ended: false,
        }
    }
}
