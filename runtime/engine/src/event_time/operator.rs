//! Looks at the event times of a source's rows, and passes them on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{AsArray, PrimitiveArray};
use arrow::compute::kernels::aggregate::max;
use arrow::datatypes::TimestampMicrosecondType;
use azud_model::{Batch, Clock, Epoch, Error, Origin, Result};
use azud_operators::{Collector, Operator};

use super::Reported;

/// Notes the latest event time of a lane.
pub(crate) struct EventTime {
    pub(crate) source: Arc<str>,
    /// The column of timestamps.
    pub(crate) column: usize,
    /// Times that are further ahead of the clock do not count: microseconds.
    pub(crate) max_ahead: Option<i64>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) latest: i64,
    /// Told at the end of an epoch: the next one's rows may be here before it is recorded.
    pub(crate) lane: Arc<AtomicI64>,
    /// Told at once how far each partition has come.
    pub(crate) reported: Arc<Reported>,
    pub(crate) has_warned: bool,
}

// === impl EventTime ===

impl EventTime {
    /// The latest of times that are not too far ahead.
    fn latest_of(&mut self, times: &PrimitiveArray<TimestampMicrosecondType>) -> Option<i64> {
        let latest = max(times)?;
        let Some(ahead) = self.max_ahead else {
            return Some(latest);
        };
        let limit = self
            .clock
            .wall_ms()
            .saturating_mul(1000)
            .saturating_add(ahead);
        if latest <= limit {
            return Some(latest);
        }
        if !self.has_warned {
            self.has_warned = true;
            let time = azud_model::iso_timestamp(latest / 1000);
            tracing::warn!(
                "source `{}`: a row of {time} is further ahead of the clock than `max_ahead` \
                 allows: such rows do not move the watermark",
                self.source
            );
        }
        times.iter().flatten().filter(|time| *time <= limit).max()
    }
}

impl Operator for EventTime {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        // Neither do rows move event time that are offered again, nor does their partition hold it
        // back: that one has gone on long since.
        if batch.origin().is_some_and(Origin::is_replayed) {
            return out.emit(0, batch);
        }
        let column = batch.columns().columns().get(self.column).cloned();
        let times = column
            .as_ref()
            .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.ok_or_else(|| Error::internal("a source has no event time"))?;
        let latest = self.latest_of(times);
        self.latest = self.latest.max(latest.unwrap_or(i64::MIN));
        if let Some(mut partitions) = self.reported.partitions() {
            let origin = batch.origin();
            partitions.gave(origin.map_or("", |of| &of.partition.name), latest);
        }
        out.emit(0, batch)
    }

    fn end_epoch(&mut self, _epoch: &Epoch, _out: &mut dyn Collector) -> Result<()> {
        self.lane.store(self.latest, Ordering::Release);
        Ok(())
    }
}
