//! What is told about every epoch.

use std::time::Duration;

use serde::Serialize;

use super::counters::Counts;

/// One epoch, as `--json` prints it: Spark's names where Spark has one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochReport {
    /// The pipeline's name.
    pub name: String,
    /// The epoch's time, ISO 8601.
    pub timestamp: String,
    /// The epoch's number.
    pub batch_id: u64,
    /// Records that the sources gave, rejected ones included.
    pub num_input_rows: u64,
    /// Those, by the second of the whole epoch.
    pub processed_rows_per_second: f64,
    /// Where the time went.
    pub duration_ms: Durations,
    /// Every node, in the manifest's order.
    pub nodes: Vec<NodeReport>,
    /// Every source that has event time.
    #[serde(skip)]
    pub times: Vec<TimeReport>,
    /// Whether an epoch without rows follows if no row comes: event time has come further.
    #[serde(skip)]
    pub time_moves: bool,
}

/// The event time of one source, as an epoch ended with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeReport {
    /// The source's name.
    pub source: String,
    /// Its watermark, in microseconds since 1970; `None` before there is one.
    pub watermark: Option<i64>,
    /// Whether it gives nothing, and holds up nobody.
    pub idle: bool,
    /// Whether the end of all input has closed everything.
    pub closed: bool,
}

/// The parts of an epoch, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Durations {
    /// From the epoch's start until its end was called: reading and processing.
    pub add_batch: u64,
    /// Until every sink had prepared what it was given.
    pub prepare: u64,
    /// Until every sink had committed.
    pub commit: u64,
    /// All of it.
    pub trigger_execution: u64,
}

/// One node in one epoch.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// The node's name.
    pub name: String,
    /// Rows that came in; for a source, records.
    pub rows_in: u64,
    /// Rows that went out; for a sink, none.
    pub rows_out: u64,
    /// Rows that it rejected.
    pub rejected: u64,
    /// Rows that came too late for their windows.
    pub late: u64,
}

// === impl Durations ===

impl Durations {
    /// Of when the epoch started, its end was called, all was prepared, and all was committed.
    pub(super) fn of([started, cut, prepared, committed]: [Duration; 4]) -> Self {
        let ms = |from: Duration, to: Duration| {
            u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX)
        };
        Self {
            add_batch: ms(started, cut),
            prepare: ms(cut, prepared),
            commit: ms(prepared, committed),
            trigger_execution: ms(started, committed),
        }
    }
}

// === impl NodeReport ===

impl NodeReport {
    pub(super) fn of(name: &str, counts: Counts) -> Self {
        Self {
            name: name.to_owned(),
            rows_in: counts.rows_in,
            rows_out: counts.rows_out,
            rejected: counts.rejected,
            late: counts.late,
        }
    }
}
