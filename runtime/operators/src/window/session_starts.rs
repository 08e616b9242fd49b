//! The first step of an aggregate over session windows: rows of a batch that are in one session
//! get its start, so that they are one group already.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{Schema, SchemaRef, TimestampMicrosecondType};
use datafusion_common::{Result, internal_err};

use crate::aggregate::GroupKeys;
use crate::project::record_batch;
use crate::{Rows, Stage};

/// Replaces the first column, a time, by the start of the session that the row is in among the
/// rows of its batch. Times and ends are not null.
pub struct SessionStarts {
    /// Columns from 1 on that say whose a session is.
    keys: usize,
    /// The column that says when a session of the row alone ends.
    end: usize,
    owners: SchemaRef,
}

// === impl SessionStarts ===

impl SessionStarts {
    /// Rows of `schema`: the time, `keys` columns that say whose they are, others, of which
    /// number `end` is the end of a session of one row.
    pub fn new(schema: &Schema, keys: usize, end: usize) -> Self {
        let owners = schema.fields().iter().skip(1).take(keys);
        Self {
            keys,
            end,
            owners: Arc::new(Schema::new(owners.cloned().collect::<Vec<_>>())),
        }
    }
}

impl Stage for SessionStarts {
    fn apply(&self, rows: Rows) -> Result<Rows> {
        let count = rows.columns.num_rows();
        let columns = rows.columns.columns();
        let time = |number: usize| -> Result<TimestampMicrosecondArray> {
            let column = columns.get(number);
            let times = column.and_then(|of| of.as_primitive_opt::<TimestampMicrosecondType>());
            match times {
                Some(times) => Ok(times.clone()),
                None => internal_err!("column {number} of a session is no time"),
            }
        };
        let (starts, ends) = (time(0)?, time(self.end)?);
        let mut owners = Vec::new();
        let keys = columns.get(1..=self.keys).unwrap_or_default();
        GroupKeys::new(&self.owners)?.number(keys, count, &mut owners)?;
        let owner = |row: usize| owners.get(row).copied().unwrap_or_default();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_unstable_by_key(|row| (owner(*row), starts.value(*row)));
        let mut own = starts.values().to_vec();
        let mut now: Option<(usize, i64, i64)> = None;
        for row in order {
            let (of, start, end) = (owner(row), starts.value(row), ends.value(row));
            let first = match &mut now {
                Some((owner, first, until)) if *owner == of && start <= *until => {
                    *until = (*until).max(end);
                    *first
                }
                _ => {
                    now = Some((of, start, end));
                    start
                }
            };
            if let Some(slot) = own.get_mut(row) {
                *slot = first;
            }
        }
        let own = TimestampMicrosecondArray::from(own).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = columns.to_vec();
        if let Some(first) = columns.first_mut() {
            *first = Arc::new(own);
        }
        Ok(Rows {
            columns: record_batch(&rows.columns.schema(), columns, count)?,
            sources: rows.sources,
        })
    }
}
