//! Rows that come after their windows are closed.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::kernels::aggregate::min;
use arrow::compute::not;
use arrow::datatypes::TimestampMicrosecondType;
use azud_model::{Batch, Error, Result, Watermark};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Column;

use super::Windows;
use crate::guard::guarded;
use crate::{Collector, Operator};

/// Takes out rows that are late for their windows: they go to [`Collector::late`] as they
/// came. A row whose time is null is in no window, and passes.
///
/// Late is measured by the watermark that it was told last: as it was when the epoch began, as
/// Spark does (`eventTimeWatermarkForLateEvents`), or as it was told within the epoch.
pub struct LateFilter {
    time: Arc<dyn PhysicalExpr>,
    windows: Windows,
    watermark: Watermark,
    becomes: LateRows,
    start: Option<Arc<dyn PhysicalExpr>>,
}

/// What becomes of late rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateRows {
    /// They leave.
    TakenOut,
    /// Nothing is late: in mode complete no window is ever closed.
    None,
    /// They are told, and stay: in mode complete beside others.
    Copied,
}

// === impl LateFilter ===

impl LateFilter {
    /// `time` is the timestamp in microseconds that windows go by.
    pub fn new(time: Arc<dyn PhysicalExpr>, windows: Windows, becomes: LateRows) -> Self {
        Self {
            time,
            windows,
            watermark: Watermark::NONE,
            becomes,
            start: None,
        }
    }

    /// The same of rows by themselves: `column` has their times.
    pub fn of_column(name: &str, column: usize, becomes: LateRows) -> Self {
        let time = Arc::new(Column::new(name, column));
        Self::new(time, Windows::instants(), becomes)
    }

    /// The same of windows whose lengths only rows know, and of sessions whose gaps differ: `time`
    /// is when the one of the row ends, and `start` when it starts.
    #[must_use]
    pub fn starting(mut self, start: Arc<dyn PhysicalExpr>) -> Self {
        self.start = Some(start);
        self
    }

    /// Which rows are late, if any is.
    fn late(&self, batch: &Batch) -> Result<Option<BooleanArray>> {
        if self.becomes == LateRows::None || self.watermark == Watermark::NONE || batch.rows() == 0
        {
            return Ok(None);
        }
        let columns = batch.columns();
        // A time that cannot be computed is found again by what follows, and rejected there.
        let Ok(times) = guarded(|| self.time.evaluate(columns)?.into_array(batch.rows())) else {
            return Ok(None);
        };
        let times = timestamps(&times)?;
        if let Some(start) = &self.start {
            let Ok(starts) = guarded(|| start.evaluate(columns)?.into_array(batch.rows())) else {
                return Ok(None);
            };
            let starts = timestamps(&starts)?;
            let late = starts.iter().zip(times).map(|(start, end)| {
                let both = start.zip(end);
                Some(both.is_some_and(|(start, end)| self.watermark.closes(start, end)))
            });
            let late: BooleanArray = late.collect();
            return Ok(Some(late).filter(|late| late.true_count() > 0));
        }
        let is_late = |time| self.windows.is_late(time, self.watermark);
        if !min(times).is_some_and(is_late) {
            return Ok(None);
        }
        let late = times.iter().map(|time| time.is_some_and(is_late));
        Ok(Some(late.map(Some).collect()))
    }
}

impl Operator for LateFilter {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        let Some(late) = self.late(&batch)? else {
            return out.emit(0, batch);
        };
        out.late(batch.filter(&late)?)?;
        if self.becomes == LateRows::Copied {
            return out.emit(0, batch);
        }
        match late.true_count() == batch.rows() {
            true => Ok(()),
            false => out.emit(0, batch.filter(&not(&late)?)?),
        }
    }

    fn watermark(&mut self, watermark: Watermark, _out: &mut dyn Collector) -> Result<()> {
        self.watermark = self.watermark.join(watermark);
        Ok(())
    }
}

/// A column of timestamps as they are everywhere: microseconds.
pub(super) fn timestamps(
    column: &ArrayRef,
) -> Result<&arrow::array::PrimitiveArray<TimestampMicrosecondType>> {
    column
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| {
            Error::internal(format!(
                "windows go by timestamps, and were given {}",
                column.data_type()
            ))
        })
}
