//! The columns that a plugin does not see: taken for the rows that it names.

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch, UInt32Array},
    compute,
};

use super::{
    columns::{Column, Columns},
    weigh,
};
use crate::{GuestError, Rows, boundary::Origins};

/// How carried columns follow their rows.
pub(super) enum Carry<'a> {
    /// As they are.
    Whole,
    /// Neighbouring rows: no copy.
    Run { start: usize, length: usize },
    /// Rows here and there.
    Take(&'a UInt32Array),
}

// === impl Carry ===

impl<'a> Carry<'a> {
    pub(super) fn new(
        origins: &'a Origins,
        batch: &RecordBatch,
        columns: &Columns,
        computed: usize,
        limit: usize,
    ) -> Result<Self, GuestError> {
        let rows = match &origins.rows {
            Rows::Indices(rows) => rows,
            Rows::Identity | Rows::Unrelated => return Ok(Self::Whole),
        };
        if !origins.ascending && columns.carries {
            // A row may occur any number of times: a few bytes from the guest
            // would be gigabytes here.
            let carried = columns.output.iter().filter_map(|column| match column {
                Column::Carried(column) => Some(batch.column(*column)),
                Column::Computed(_) => None,
            });
            weigh::check(carried, rows, batch.num_rows(), computed, limit)?;
        }
        let (first, last) = (rows.values().first(), rows.values().last());
        Ok(match (first, last) {
            (Some(first), Some(last))
                if origins.ascending && (last - first) as usize + 1 == rows.len() =>
            {
                Self::Run {
                    start: *first as usize,
                    length: rows.len(),
                }
            }
            (None, _) => Self::Run {
                start: 0,
                length: 0,
            },
            _ => Self::Take(rows),
        })
    }

    pub(super) fn column(&self, column: &ArrayRef) -> Result<ArrayRef, GuestError> {
        match self {
            Self::Whole => Ok(Arc::clone(column)),
            Self::Run { start, length } => Ok(column.slice(*start, *length)),
            Self::Take(rows) => compute::take(column, rows, None)
                .map_err(|error| GuestError::invalid(format!("carried columns: {error}"))),
        }
    }
}
