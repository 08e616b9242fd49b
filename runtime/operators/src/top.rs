//! Whole results in an order, or the first rows of them: `ORDER BY` and `LIMIT` in mode complete.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortOptions, concat, concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use azud_model::{Batch, Epoch, Result};
use datafusion_common::Result as ComputedResult;
use datafusion_physical_expr::PhysicalExpr;

use crate::guard::guarded;
use crate::reason::{internal, reason};
use crate::{Collector, MAX_ROWS, Operator};

/// What rows are ordered by.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// What is compared.
    pub expression: Arc<dyn PhysicalExpr>,
    /// The greatest first.
    pub descending: bool,
    /// Nulls before all others.
    pub nulls_first: bool,
}

/// Holds the rows of an epoch, which are a whole result, and hands them on at its end, in their
/// order; of them those that `rows` names. Rows that are equal stay in the order in which they
/// came. It runs in one lane.
pub struct Top {
    keys: Vec<SortKey>,
    rows: Range<usize>,
    schema: SchemaRef,
    /// Rows, and what they are compared by.
    held: Vec<(Batch, Vec<ArrayRef>)>,
}

// === impl Top ===

impl Top {
    /// Rows of `schema`, ordered by `keys`.
    pub fn new(keys: Vec<SortKey>, rows: Range<usize>, schema: SchemaRef) -> Self {
        Self {
            keys,
            rows,
            schema,
            held: Vec::new(),
        }
    }

    /// The values that rows are compared by.
    fn values(&self, rows: &RecordBatch) -> ComputedResult<Vec<ArrayRef>> {
        let count = rows.num_rows();
        let keys = self.keys.iter();
        let values = keys.map(|key| key.expression.evaluate(rows)?.into_array(count));
        values.collect()
    }

    /// The numbers of rows in their order.
    fn order(&self, values: &[Vec<ArrayRef>], rows: usize) -> ComputedResult<Vec<u32>> {
        let mut order: Vec<u32> = (0..).take(rows).collect();
        if self.keys.is_empty() || rows == 0 {
            return Ok(order);
        }
        let whole = (0..self.keys.len()).map(|key| {
            let parts: Vec<&dyn Array> = values
                .iter()
                .filter_map(|values| values.get(key))
                .map(AsRef::as_ref)
                .collect();
            Ok(concat(&parts)?)
        });
        let values = whole.collect::<ComputedResult<Vec<ArrayRef>>>()?;
        let fields = self.keys.iter().zip(&values).map(|(key, values)| {
            let options = SortOptions {
                descending: key.descending,
                nulls_first: key.nulls_first,
            };
            SortField::new_with_options(values.data_type().clone(), options)
        });
        let converter = RowConverter::new(fields.collect())?;
        let keys = converter.convert_columns(&values)?;
        order.sort_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
        Ok(order)
    }
}

impl Operator for Top {
    fn process(&mut self, _input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        if let Ok(values) = guarded(|| self.values(batch.columns())) {
            self.held.push((batch, values));
            return Ok(());
        }
        for row in 0..batch.rows() {
            let one = batch.slice(row, 1);
            match guarded(|| self.values(one.columns())) {
                Ok(values) => self.held.push((one, values)),
                Err(error) => out.reject(&batch, row, reason(&error))?,
            }
        }
        Ok(())
    }

    fn end_epoch(&mut self, _epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        let (held, values): (Vec<Batch>, Vec<Vec<ArrayRef>>) = held.into_iter().unzip();
        let rows = concat_batches(&self.schema, held.iter().map(Batch::columns))?;
        let order = self.order(&values, rows.num_rows());
        let order = order.map_err(|error| internal("an order", error))?;
        let (from, to) = (self.rows.start, self.rows.end.min(order.len()));
        let wanted = order.get(from..to).unwrap_or_default();
        for piece in wanted.chunks(MAX_ROWS) {
            let piece = take_record_batch(&rows, &UInt32Array::from(piece.to_vec()))?;
            out.emit(0, Batch::without_origin(piece))?;
        }
        Ok(())
    }
}
