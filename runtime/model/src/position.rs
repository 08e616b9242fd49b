//! Where records come from: partitions, and positions within them.

use std::sync::Arc;

use arrow::array::UInt64Array;

/// A part of a source whose records have an order: a file, a connection, a Kafka partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    /// The source's name in the manifest.
    pub source: String,
    /// The partition's name in its system: a path, an address, `topic-0`.
    pub name: String,
}

/// Where a source goes on reading: the place after the last record that it gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which partition.
    pub partition: Arc<Partition>,
    /// The next record's place, in a form that only the connector reads.
    pub next: String,
}

/// Where the rows of a batch come from. Hidden from SQL and plugins.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The one partition that all rows come from.
    pub partition: Arc<Partition>,
    /// Each row's record number in its partition. Files count lines from 1, so
    /// that an editor finds them; other sources say what they count.
    pub positions: UInt64Array,
    /// How often their records have been offered, this time included: 1 but for dead letters that
    /// are replayed.
    pub attempt: i32,
}

// === impl Partition ===

impl Partition {
    /// Of rows that are replayed, and come from no record in particular: without a name.
    pub fn none() -> Self {
        Self {
            source: String::new(),
            name: String::new(),
        }
    }

    /// Whether it is one of a source.
    pub fn is_known(&self) -> bool {
        !self.source.is_empty()
    }
}

// === impl Origin ===

impl Origin {
    /// Whether the rows are dead letters that are offered again.
    pub fn is_replayed(&self) -> bool {
        self.attempt > 1
    }
}
