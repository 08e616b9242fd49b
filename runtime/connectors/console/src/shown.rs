//! What an epoch will show of a lane's rows, or of all lanes' together.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use azud_connect::PythonRows;
use serde::{Deserialize, Serialize};

use crate::cell::cell;
use crate::options::{ConsoleOptions, Style};
use crate::table::{escape, truncate};

/// The rows that may be shown, ready to be laid out, and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) names: Vec<String>,
    /// For a table its cells; for `pprint` one text a row.
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) count: u64,
}

// === impl Shown ===

impl Shown {
    pub(crate) fn new(schema: &SchemaRef) -> Self {
        let names = schema.fields().iter().map(|field| escape(field.name()));
        Self {
            names: names.collect(),
            ..Self::default()
        }
    }

    /// Takes rows: formats those that will be shown, counts the others.
    pub(crate) fn add(&mut self, batch: &RecordBatch, options: &ConsoleOptions) {
        self.count += batch.num_rows() as u64;
        let room = options.shown().saturating_sub(self.rows.len());
        for row in 0..batch.num_rows().min(room) {
            self.rows.push(match options.style {
                Style::Table => cells(batch, row, options),
                Style::Pprint | Style::Json => {
                    let mut text = String::new();
                    PythonRows::new(batch).write(row, &mut text);
                    vec![text]
                }
            });
        }
    }

    /// Appends the next lane's rows.
    pub(crate) fn extend(&mut self, other: Self) {
        self.names = other.names;
        self.rows.extend(other.rows);
        self.count += other.count;
    }
}

fn cells(batch: &RecordBatch, row: usize, options: &ConsoleOptions) -> Vec<String> {
    let write = |column| {
        let mut text = String::new();
        cell(column, row, &mut text);
        let text = escape(&text);
        match options.truncate.width() {
            Some(longest) => truncate(text, longest),
            None => text,
        }
    };
    batch.columns().iter().map(write).collect()
}
