//! Event time: what lanes see of it, and the watermarks that the coordinator makes of that.
//!
//! As in Spark, a source's watermark is the latest event time that it has given less a delay;
//! it moves between epochs, and a node's is the least of the sources above it.
//!
//! With trigger `continuous`, the latest event time of the slowest partition takes the place of
//! the source's, and watermarks move within epochs too: as in Flink, a few times a second.

mod operator;
mod partitions;
mod reported;
mod times;

use azud_model::Watermark;

pub(crate) use operator::EventTime;
use partitions::Partitions;
pub(crate) use reported::Reported;
pub(crate) use times::{EventTimes, Moves, SourceTimes};

/// By number of the source, its watermark; `None` where it has no event time, or is idle. The
/// last one is the clock's: the time of the epoch.
pub(crate) type Watermarks = std::sync::Arc<[Option<Watermark>]>;

/// How a source's event time is read.
#[derive(Clone, Debug)]
pub(crate) struct PlanTime {
    /// The column of timestamps.
    pub(crate) column: String,
    /// Rows may be so much behind the latest one before they are late: microseconds.
    pub(crate) delay: i64,
    /// A source that gives nothing for so long holds up nobody.
    pub(crate) idle: Option<std::time::Duration>,
    /// What its lanes have seen.
    pub(crate) reported: std::sync::Arc<Reported>,
}

/// The clock, in place of the number of a source.
pub(crate) const CLOCK: usize = usize::MAX;

/// A source that rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimeFrom {
    /// Its number.
    pub(crate) source: usize,
    /// So far behind its watermark the rows may be, since a join kept them: microseconds.
    pub(crate) behind: i64,
}

/// The watermark of whoever reads these sources: that of the slowest.
pub(crate) fn of_sources(sources: &[TimeFrom], watermarks: &Watermarks) -> Watermark {
    let own = sources.iter().filter_map(|from| {
        let own = match from.source {
            CLOCK => watermarks.last(),
            source => watermarks.get(source),
        };
        let own = (*own?)?;
        Some(own.behind(from.behind))
    });
    own.reduce(Watermark::meet).unwrap_or(Watermark::NONE)
}
