//! Rows as Python prints them: what DStream's `pprint` and `saveAsTextFiles` show.

mod bytes;
mod number;
mod quote;
mod value;

use arrow::record_batch::RecordBatch;

use value::{repr, text};

/// Writes the rows of a batch as PySpark's RDDs print them: a single column as
/// the `str` of its value, several as a tuple.
pub struct PythonRows<'a> {
    batch: &'a RecordBatch,
}

// === impl PythonRows ===

impl<'a> PythonRows<'a> {
    /// The rows of a batch.
    pub fn new(batch: &'a RecordBatch) -> Self {
        Self { batch }
    }

    /// Appends a row, without a line end; nothing if there is no such row.
    pub fn write(&self, row: usize, out: &mut String) {
        if row >= self.batch.num_rows() {
            return;
        }
        if let [column] = self.batch.columns() {
            text(column, row, out);
            return;
        }
        out.push('(');
        for (index, column) in self.batch.columns().iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            repr(column, row, out);
        }
        out.push(')');
    }
}

#[cfg(test)]
mod tests;
