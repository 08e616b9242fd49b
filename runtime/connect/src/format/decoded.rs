//! From columns and the fate of each record to a batch with its origin.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use azud_model::{Batch, Column, Error, Origin, Result};

use crate::{BadRecord, Decoded, Records};

/// The format's own columns, then those that the system knows (`keep`).
pub(super) fn schema(own: Vec<Field>, keep: &[Column]) -> SchemaRef {
    let kept = keep.iter().map(Column::to_arrow);
    Arc::new(Schema::new(own.into_iter().chain(kept).collect::<Vec<_>>()))
}

/// Which records became rows, and which are bad.
pub(super) struct Fate<'a> {
    records: &'a Records,
    rows: Vec<u32>,
    bad: Vec<BadRecord>,
}

// === impl Fate ===

impl<'a> Fate<'a> {
    /// Asks `decode` about every record that came whole: `Ok(true)` if it
    /// appended a row, `Ok(false)` if the record is to be left out, or why the
    /// record is bad.
    pub(super) fn of(
        records: &'a Records,
        mut decode: impl FnMut(usize) -> Result<bool, String>,
    ) -> Self {
        Self::of_many(records, |index| decode(index).map(usize::from))
    }

    /// The same, of records that may be several rows: how many it appended.
    pub(super) fn of_many(
        records: &'a Records,
        mut decode: impl FnMut(usize) -> Result<usize, String>,
    ) -> Self {
        let mut fate = Self {
            records,
            rows: Vec::with_capacity(records.len()),
            bad: Vec::new(),
        };
        let mut broken = records.bad.iter().peekable();
        for index in 0..records.len() {
            if let Some(bad) = broken.next_if(|bad| bad.index == index) {
                fate.bad.push(bad.clone());
                continue;
            }
            match decode(index) {
                Ok(rows) => {
                    let index = u32::try_from(index).unwrap_or(u32::MAX);
                    fate.rows.extend(std::iter::repeat_n(index, rows));
                }
                Err(reason) => fate.bad.push(BadRecord { index, reason }),
            }
        }
        fate
    }

    /// Of columns with one value a record, the values of those that became rows.
    pub(super) fn keep(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        if self.bad.is_empty() {
            return Ok(columns.to_vec());
        }
        let rows = UInt32Array::from(self.rows.clone());
        let kept = columns.iter().map(|column| Ok(take(column, &rows, None)?));
        kept.collect()
    }

    /// Puts the columns, one value a row, and what is kept of the system's into a batch.
    pub(super) fn decoded(self, schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<Decoded> {
        self.decoded_at(schema, 0, columns)
    }

    /// The same, where so many of the system's columns are before the format's own.
    pub(super) fn decoded_at(
        self,
        schema: &SchemaRef,
        before: usize,
        own: Vec<ArrayRef>,
    ) -> Result<Decoded> {
        let records = self.records;
        // Each record once: in order, none left out and none twice.
        let mut each = (0..).zip(&self.rows);
        let all = self.rows.len() == records.len() && each.all(|(index, row)| index == *row);
        let rows = UInt32Array::from(self.rows);
        let is_own = before..before + own.len();
        let mut own = own.into_iter();
        let mut columns = Vec::with_capacity(schema.fields().len());
        for (index, field) in schema.fields().iter().enumerate() {
            if is_own.contains(&index) {
                columns.extend(own.next());
                continue;
            }
            let known = records.metadata.as_ref();
            let column = known
                .and_then(|known| known.column_by_name(field.name()))
                .ok_or_else(|| {
                    let name = field.name();
                    Error::internal(format!("the source did not give its column `{name}`"))
                })?;
            columns.push(if all {
                column.clone()
            } else {
                take(column, &rows, None)?
            });
        }
        let positions = rows
            .values()
            .iter()
            .map(|index| records.position(*index as usize));
        let origin = Origin {
            partition: records.partition.clone(),
            positions: UInt64Array::from_iter_values(positions),
            attempt: 1,
        };
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(schema.clone(), columns, &options)?;
        Ok(Decoded {
            batch: Batch::new(batch, Some(origin))?,
            bad: self.bad,
        })
    }
}
