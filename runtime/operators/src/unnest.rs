//! Makes a row of every element of a list: `explode`.

use arrow::array::{Array, ArrayRef, ListArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion_common::cast::as_list_array;
use datafusion_common::{Result, exec_datafusion_err};

use crate::project::record_batch;
use crate::{Rows, Stage};

/// Makes a row of every element of one or more lists. Lists that are unnested
/// together advance together, the shorter ones filled with nulls.
pub struct Unnest {
    columns: Vec<UnnestColumn>,
    outer: bool,
    schema: SchemaRef,
}

/// What becomes an output column of an [`Unnest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnnestColumn {
    /// Input column, its value repeated for each element.
    Repeat(usize),
    /// Input column of lists: its elements.
    Elements(usize),
}

// === impl Unnest ===

impl Unnest {
    /// One entry of `columns` for each field of `schema`. With `outer`, a row
    /// whose lists are all null or empty becomes one row of nulls; else none.
    pub fn new(columns: Vec<UnnestColumn>, outer: bool, schema: SchemaRef) -> Self {
        Self {
            columns,
            outer,
            schema,
        }
    }
}

impl Stage for Unnest {
    fn apply(&self, rows: Rows) -> Result<Rows> {
        let input = rows.columns.columns();
        let column = |index: usize| {
            input
                .get(index)
                .ok_or_else(|| exec_datafusion_err!("there is no column {index} to unnest"))
        };
        let lists = self
            .columns
            .iter()
            .filter_map(|of| match of {
                UnnestColumn::Elements(index) => Some(*index),
                UnnestColumn::Repeat(_) => None,
            })
            .map(|index| as_list_array(column(index)?))
            .collect::<Result<Vec<&ListArray>>>()?;
        let lengths = Lengths::of(&lists, rows.columns.num_rows(), self.outer);
        let repeats = lengths.repeats();
        let mut elements = lists.iter().map(|list| lengths.elements(list));
        let columns = self
            .columns
            .iter()
            .map(|of| match of {
                UnnestColumn::Repeat(index) => Ok(take(column(*index)?, &repeats, None)?),
                UnnestColumn::Elements(_) => elements
                    .next()
                    .unwrap_or_else(|| Err(exec_datafusion_err!("a list went missing"))),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Rows {
            columns: record_batch(&self.schema, columns, lengths.total)?,
            sources: rows.sources.take(&repeats)?,
        })
    }
}

/// How many output rows each input row becomes.
struct Lengths {
    of_row: Vec<u32>,
    total: usize,
}

impl Lengths {
    fn of(lists: &[&ListArray], rows: usize, outer: bool) -> Self {
        let least = u32::from(outer);
        let mut of_row = vec![least; rows];
        for list in lists {
            for (length, (row, size)) in of_row.iter_mut().zip(sizes(list.offsets()).enumerate()) {
                if list.is_valid(row) {
                    *length = (*length).max(size);
                }
            }
        }
        let total = of_row.iter().map(|length| *length as usize).sum();
        Self { of_row, total }
    }

    /// For each output row the input row that it repeats.
    fn repeats(&self) -> UInt32Array {
        let mut rows = Vec::with_capacity(self.total);
        for (row, length) in (0u32..).zip(&self.of_row) {
            rows.extend(std::iter::repeat_n(row, *length as usize));
        }
        UInt32Array::from(rows)
    }

    fn elements(&self, list: &ListArray) -> Result<ArrayRef> {
        let fits = list.null_count() == 0 && sizes(list.offsets()).eq(self.of_row.iter().copied());
        if fits {
            // The elements lie one after the other already: no copy.
            let start = list.offsets().first().copied().unwrap_or_default();
            let start = usize::try_from(start).unwrap_or_default();
            return Ok(list.values().slice(start, self.total));
        }
        let mut at = Vec::with_capacity(self.total);
        let starts = list.offsets().iter().zip(sizes(list.offsets()));
        for ((row, (start, size)), length) in starts.enumerate().zip(&self.of_row) {
            let size = if list.is_valid(row) { size } else { 0 };
            let start = start.unsigned_abs();
            at.extend((0..*length).map(|i| (i < size).then_some(start + i)));
        }
        Ok(take(list.values(), &UInt32Array::from(at), None)?)
    }
}

fn sizes(offsets: &OffsetBuffer<i32>) -> impl Iterator<Item = u32> {
    offsets
        .lengths()
        .map(|length| u32::try_from(length).unwrap_or(u32::MAX))
}
