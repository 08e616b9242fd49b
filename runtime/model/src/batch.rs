//! The one shape of data in Azud: an Arrow record batch and the origin of its rows.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, UInt32Array, UInt64Array};
use arrow::compute::{
    concat, concat_batches, filter, filter_record_batch, take, take_record_batch,
};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::{Error, Origin, Result};

/// Rows as columns, with the origin of every row where it has one.
///
/// Rows made of many others (an aggregate's) have no origin: they are known by
/// their key and epoch. Cloning and slicing copy no data.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: RecordBatch,
    origin: Option<Origin>,
}

/// The columns of rows that come from both: a column may be null where it may
/// be in one of them. Names and types are those of `left`.
pub fn unite(left: &SchemaRef, right: &SchemaRef) -> SchemaRef {
    let fields = left.fields().iter().enumerate().map(|(number, field)| {
        let other = right.fields().get(number);
        let nullable = field.is_nullable() || other.is_some_and(|other| other.is_nullable());
        field.as_ref().clone().with_nullable(nullable)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

// === impl Batch ===

impl Batch {
    /// Rows that come from records of one partition.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] unless there is exactly one position a row.
    pub fn new(columns: RecordBatch, origin: Option<Origin>) -> Result<Self> {
        if let Some(origin) = &origin
            && origin.positions.len() != columns.num_rows()
        {
            return Err(Error::internal(format!(
                "a batch of {} rows came with {} positions",
                columns.num_rows(),
                origin.positions.len()
            )));
        }
        Ok(Self { columns, origin })
    }

    /// Rows that come from no record in particular.
    pub fn without_origin(columns: RecordBatch) -> Self {
        Self {
            columns,
            origin: None,
        }
    }

    /// The columns that SQL, plugins and sinks see.
    pub fn columns(&self) -> &RecordBatch {
        &self.columns
    }

    /// Where the rows come from, unless they were made of many.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        self.columns.schema()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// What the rows take in memory, and not the buffers that they share with others; without
    /// their origin.
    pub fn bytes(&self) -> usize {
        let columns = self.columns.columns().iter();
        let sizes =
            columns.map(|column| column.to_data().get_slice_memory_size().unwrap_or_default());
        sizes.sum()
    }

    /// Rows `offset .. offset + length`, cut to the rows that exist.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        let offset = offset.min(self.rows());
        let length = length.min(self.rows() - offset);
        Self {
            columns: self.columns.slice(offset, length),
            origin: self.origin.as_ref().map(|origin| Origin {
                partition: origin.partition.clone(),
                positions: origin.positions.slice(offset, length),
                attempt: origin.attempt,
            }),
        }
    }

    /// The rows that `rows` names, in that order, repeats included.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] if an index is out of range.
    pub fn take(&self, rows: &UInt32Array) -> Result<Self> {
        let columns = take_record_batch(&self.columns, rows)?;
        Ok(Self {
            columns,
            origin: self.take_origin(rows)?,
        })
    }

    /// The origin of the rows that `rows` names.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] if an index is out of range.
    pub fn take_origin(&self, rows: &UInt32Array) -> Result<Option<Origin>> {
        let Some(origin) = &self.origin else {
            return Ok(None);
        };
        Ok(Some(Origin {
            partition: origin.partition.clone(),
            positions: as_positions(take(&origin.positions, rows, None)?.as_ref())?,
            attempt: origin.attempt,
        }))
    }

    /// The rows where `keep` is true; null counts as false.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] unless `keep` has one value a row.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Self> {
        let columns = filter_record_batch(&self.columns, keep)?;
        let origin = match &self.origin {
            None => None,
            Some(origin) => Some(Origin {
                partition: origin.partition.clone(),
                positions: as_positions(filter(&origin.positions, keep)?.as_ref())?,
                attempt: origin.attempt,
            }),
        };
        Ok(Self { columns, origin })
    }

    /// The same rows, offered for the nth time; rows without an origin stay as they are.
    #[must_use]
    pub fn with_attempt(mut self, attempt: i32) -> Self {
        if let Some(origin) = &mut self.origin {
            origin.attempt = attempt;
        }
        self
    }

    /// Whether the rows of another batch come from the same partition, and are offered for the
    /// same time: only then can both be one batch.
    pub fn is_alike(&self, other: &Self) -> bool {
        let of = |batch: &Self| {
            let origin = batch.origin.as_ref();
            origin.map(|origin| (origin.partition.clone(), origin.attempt))
        };
        of(self) == of(other)
    }

    /// All rows of batches with the same columns, in order. `None` if they are not
    /// [alike](Batch::is_alike).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] if the columns differ.
    pub fn concat(batches: &[Self]) -> Result<Option<Self>> {
        let Some(first) = batches.first() else {
            return Ok(None);
        };
        if batches.iter().any(|batch| !batch.is_alike(first)) {
            return Ok(None);
        }
        let others = batches.iter().skip(1).map(Self::schema);
        let schema = others.fold(first.schema(), |schema, other| unite(&schema, &other));
        let columns = concat_batches(&schema, batches.iter().map(|batch| &batch.columns))?;
        let origins = batches.iter().filter_map(|batch| batch.origin.as_ref());
        let positions: Vec<&dyn Array> = origins.map(|origin| &origin.positions as _).collect();
        let origin = match &first.origin {
            None => None,
            Some(origin) => Some(Origin {
                partition: origin.partition.clone(),
                positions: as_positions(concat(&positions)?.as_ref())?,
                attempt: origin.attempt,
            }),
        };
        Ok(Some(Self { columns, origin }))
    }

    /// The same rows with other columns.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] unless the number of rows is the same.
    pub fn with_columns(&self, columns: RecordBatch) -> Result<Self> {
        Self::new(columns, self.origin.clone())
    }
}

fn as_positions(array: &dyn Array) -> Result<UInt64Array> {
    array
        .as_any()
        .downcast_ref::<UInt64Array>()
        .cloned()
        .ok_or_else(|| Error::internal("positions are not unsigned integers"))
}
