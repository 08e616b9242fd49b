//! A run as it can be looked at, at one moment.

use serde::{Deserialize, Serialize};

use crate::run::TimeReport;

/// Rows of a node.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows that came in; of a source, records.
    pub rows_in: u64,
    /// Rows that went out; of a sink, none.
    pub rows_out: u64,
    /// Rows that it rejected.
    pub rejected: u64,
    /// Rows that came too late for their windows.
    pub late: u64,
}

/// What waits in the channels before a node, in all lanes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Queued {
    /// Chunks, batches or pieces of output that wait, those that lanes work on included.
    pub waiting: usize,
    /// How many may.
    pub capacity: usize,
}

/// Calls of a node's plugin.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct PluginCalls {
    /// How many have ended.
    pub calls: u64,
    /// How many of them failed.
    pub failures: u64,
    /// How many seconds they took together.
    pub seconds: f64,
    /// How many seconds the call under way takes so far: of several lanes' the longest. `None` where
    /// nothing is called at the moment.
    pub under_way_seconds: Option<f64>,
}

/// A node at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeObserved {
    /// Its name.
    pub name: String,
    /// Rows of all committed epochs of this process.
    pub committed: RowCounts,
    /// The same, and those of epochs that are under way: as they come, also while an epoch hangs.
    pub live: RowCounts,
    /// What waits before it; `None` where it is called by the node above it, in the same lane.
    pub queue: Option<Queued>,
    /// Of a source that knows it: how many records behind the end of what there is.
    pub lag: Option<u64>,
    /// How far event time has come for it with the last committed epoch, in microseconds since
    /// 1970: that of the slowest source above it. `None` before all of them have one, and where none
    /// has event time.
    pub watermark: Option<i64>,
    /// What its plugins were called.
    pub plugin: Option<PluginCalls>,
}

/// A run at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The pipeline's name.
    pub name: String,
    /// How many seconds ago it was started.
    pub seconds: f64,
    /// The last epoch that was committed; `None` before the first.
    pub epoch: Option<u64>,
    /// Records that its sources gave, in all committed epochs of this process.
    pub records: u64,
    /// The same a second, in the last epoch.
    pub records_per_second: f64,
    /// Every node, in the manifest's order.
    pub nodes: Vec<NodeObserved>,
    /// Every source that has event time, as of the last committed epoch.
    pub times: Vec<TimeReport>,
}
