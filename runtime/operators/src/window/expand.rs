//! Rows by their windows: each is there once for each window that its time is in.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use datafusion_common::{Result, internal_err};
use datafusion_physical_expr::PhysicalExpr;

use super::Windows;
use crate::project::record_batch;
use crate::{Rows, Stage};

/// Puts the window behind the columns of each row, the last one first, as Spark's
/// `TimeWindowing` does. A row whose time is null is in no window, and goes.
pub struct ExpandWindows {
    time: Arc<dyn PhysicalExpr>,
    windows: Windows,
    schema: SchemaRef,
}

// === impl ExpandWindows ===

impl ExpandWindows {
    /// `time` is the timestamp in microseconds that windows go by; the last column of `schema`
    /// takes the window.
    pub fn new(time: Arc<dyn PhysicalExpr>, windows: Windows, schema: SchemaRef) -> Self {
        Self {
            time,
            windows,
            schema,
        }
    }

    fn window(&self, starts: Vec<i64>) -> Result<ArrayRef> {
        let own = self.schema.fields().last().map(|field| field.data_type());
        let Some(DataType::Struct(fields)) = own else {
            return internal_err!("rows have no column for their windows");
        };
        let starts = TimestampMicrosecondArray::from(starts);
        let ends: TimestampMicrosecondArray = starts.unary(|start| self.windows.end(start));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(starts.with_timezone("UTC")),
            Arc::new(ends.with_timezone("UTC")),
        ];
        Ok(Arc::new(StructArray::try_new(
            fields.clone(),
            columns,
            None,
        )?))
    }
}

impl Stage for ExpandWindows {
    fn apply(&self, rows: Rows) -> Result<Rows> {
        let times = self.time.evaluate(&rows.columns)?;
        let times = times.into_array(rows.columns.num_rows())?;
        let Some(times) = times.as_primitive_opt::<TimestampMicrosecondType>() else {
            return internal_err!("windows were given {}", times.data_type());
        };
        let (mut places, mut starts) = (Vec::new(), Vec::new());
        for (row, time) in (0_u32..).zip(times) {
            let Some(time) = time else { continue };
            let own = self.windows.of_pane(self.windows.pane(time));
            starts.extend(own);
            places.resize(starts.len(), row);
        }
        let (count, places) = (places.len(), UInt32Array::from(places));
        let columns = rows.columns.columns().iter();
        let columns = columns.map(|column| Ok(take(column, &places, None)?));
        let mut columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        columns.push(self.window(starts)?);
        Ok(Rows {
            columns: record_batch(&self.schema, columns, count)?,
            sources: rows.sources.take(&places)?,
        })
    }

    fn fan_out(&self) -> usize {
        self.windows.at_most()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use arrow::array::RecordBatch;
    use arrow::datatypes::{Field, Fields, Schema, TimeUnit};
    use azud_model::Batch;
    use datafusion_physical_expr::expressions::Column;

    use super::*;
    use crate::{Chain, Collector, MAX_ROWS, Operator};

    /// Notes how many rows it is given at once.
    #[derive(Clone, Default)]
    struct Most(Arc<AtomicUsize>);

    impl Stage for Most {
        fn apply(&self, rows: Rows) -> Result<Rows> {
            self.0.fetch_max(rows.columns.num_rows(), Ordering::Relaxed);
            Ok(rows)
        }
    }

    #[derive(Default)]
    struct Collected(Vec<(i64, i64, i64)>);

    impl Collector for Collected {
        fn emit(&mut self, _port: usize, batch: Batch) -> azud_model::Result<()> {
            let columns = batch.columns();
            let windows = columns.column(1).as_struct();
            let part =
                |column: &ArrayRef| column.as_primitive::<TimestampMicrosecondType>().clone();
            let [times, starts, ends] =
                [columns.column(0), windows.column(0), windows.column(1)].map(part);
            let rows = times
                .values()
                .iter()
                .zip(starts.values())
                .zip(ends.values());
            self.0
                .extend(rows.map(|((time, start), end)| (*time, *start, *end)));
            Ok(())
        }

        fn late(&mut self, _rows: Batch) -> azud_model::Result<()> {
            panic!("nothing is late")
        }

        fn reject(&mut self, _: &Batch, _: usize, reason: String) -> azud_model::Result<()> {
            panic!("{reason}")
        }
    }

    #[test]
    fn no_more_rows_at_once_than_elsewhere() {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let field = |name| Field::new(name, instant.clone(), true);
        let window = DataType::Struct(Fields::from(vec![field("start"), field("end")]));
        let input = Arc::new(Schema::new(vec![field("ts")]));
        let output = Arc::new(Schema::new(vec![
            field("ts"),
            Field::new("window", window, true),
        ]));
        let windows = Windows::new(900, 3, 1).unwrap();
        let most = Most::default();
        let stages: Arc<[Arc<dyn Stage>]> = Arc::new([
            Arc::new(ExpandWindows::new(
                Arc::new(Column::new("ts", 0)),
                windows,
                output,
            )),
            Arc::new(most.clone()),
        ]);
        let times = (0..2_000).map(|time| (time % 7 != 0).then_some(time * 5));
        let times = TimestampMicrosecondArray::from_iter(times).with_timezone("UTC");
        let batch = RecordBatch::try_new(input, vec![Arc::new(times.clone())]).unwrap();
        let mut out = Collected::default();
        let mut chain = Chain::new(stages, false);
        chain
            .process(0, Batch::without_origin(batch), &mut out)
            .unwrap();

        // As Spark computes them, for each row one by one.
        let by_hand = times.iter().flatten().flat_map(|time| {
            let last = time - (time - 1).rem_euclid(3);
            (0..300).map(move |number| (time, last - 3 * number, last - 3 * number + 900))
        });
        assert_eq!(out.0, by_hand.collect::<Vec<_>>());
        let most = most.0.load(Ordering::Relaxed);
        assert!((MAX_ROWS / 2..=MAX_ROWS).contains(&most), "{most} rows");
    }
}
