//! What is expected of one node, and whether it came.

use arrow::datatypes::SchemaRef;
use azud_connector_memory::{Committed, MemorySink};
use azud_engine::OutputShape;
use azud_manifest::TestRows;
use azud_model::Mode;

use crate::cells::{self, Row};
use crate::columns::Columns;
use crate::compare::compare;
use crate::diff;
use crate::fault::Fault;

/// A node whose rows are looked at.
pub(crate) struct Output {
    /// As the test names it.
    pub(crate) node: String,
    pub(crate) shape: OutputShape,
    /// Where those rows are that it gives.
    pub(crate) sink: MemorySink,
}

/// The rows that one node must give.
pub(crate) struct Expectation<'a> {
    output: &'a Output,
    rows: Vec<Row>,
    /// Which columns are compared.
    compared: Vec<bool>,
}

// === impl Output ===

impl Output {
    /// What it gave in some epochs, `None`: in all; of a whole result that changes only the last.
    fn batches(&self, epochs: Option<&[u64]>) -> Vec<Committed> {
        let mut committed = self.sink.committed();
        committed.retain(|one| epochs.is_none_or(|epochs| epochs.contains(&one.epoch.number)));
        match self.shape.mode {
            // The last epoch's rows are the whole result.
            Mode::Complete => committed.split_off(committed.len().saturating_sub(1)),
            Mode::Append | Mode::Update => committed,
        }
    }

    /// How many rows that were; `None` where none of the epochs became visible.
    pub(crate) fn count(&self, epochs: &[u64]) -> Option<usize> {
        let committed = self.batches(Some(epochs));
        let batches = committed.iter().flat_map(|epoch| &epoch.batches);
        let rows = batches.map(azud_model::Batch::rows).sum();
        (!committed.is_empty()).then_some(rows)
    }

    fn rows(&self, epochs: Option<&[u64]>) -> Vec<Row> {
        let committed = self.batches(epochs);
        let batches = committed.iter().flat_map(|epoch| &epoch.batches);
        batches
            .flat_map(|batch| cells::rows(batch.columns()))
            .collect()
    }

    fn schema(&self) -> &SchemaRef {
        &self.shape.schema
    }
}

// === impl Expectation ===

impl<'a> Expectation<'a> {
    /// Reads the expected rows of an output.
    pub(crate) fn new(expected: &TestRows, output: &'a Output) -> Result<Self, Fault> {
        let node = &expected.node;
        let schema = output.schema();
        let columns = Columns::new(schema, None);
        let mut columns = columns.map_err(|error| Fault::new(node.span, error.to_string()))?;
        let rows = expected.rows.iter().enumerate().map(|(number, row)| {
            let batch = columns.read(row).map_err(|fault| {
                fault.within(&format!(
                    "expected rows of `{}`, row {}",
                    node.value,
                    number + 1
                ))
            })?;
            Ok(cells::row_of(&batch, schema))
        });
        let is_named = |column: &str| {
            let mut rows = expected.rows.iter();
            rows.any(|row| row.value.value.get(column).is_some())
        };
        // Where a rejected row comes from, and when, is nobody's business unless it is named.
        let is_rejected = node.value.ends_with(".rejected");
        let fields = schema.fields().iter();
        let mut compared: Vec<bool> = fields
            .map(|field| !is_rejected || is_named(field.name()))
            .collect();
        if is_rejected && expected.rows.is_empty() {
            let worth = ["position", "reason"];
            let fields = schema.fields().iter();
            compared = fields
                .map(|field| worth.contains(&field.name().as_str()))
                .collect();
        }
        Ok(Self {
            output,
            rows: rows.collect::<Result<_, _>>()?,
            compared,
        })
    }

    /// What is wrong with the rows that came in some epochs, `None`: in all, after a run;
    /// empty: nothing.
    pub(crate) fn wrong(&self, epochs: Option<&[u64]>) -> String {
        let fields = self.output.schema().fields().iter();
        let columns: Row = fields.map(|field| field.name().clone()).collect();
        let only = |row: Row| -> Row {
            let cells = row.into_iter().zip(&self.compared);
            cells
                .filter_map(|(cell, compared)| compared.then_some(cell))
                .collect()
        };
        let expected = self.rows.iter().cloned().map(only).collect();
        let actual = self.output.rows(epochs).into_iter().map(only).collect();
        let difference = compare(expected, actual);
        if difference.missing.is_empty() && difference.extra.is_empty() {
            return String::new();
        }
        let node = &self.output.node;
        let node = match self.output.shape.mode {
            Mode::Append => node.clone(),
            Mode::Update => format!("{node} (update)"),
            Mode::Complete => format!("{node} (complete)"),
        };
        diff::draw(&node, &only(columns), &difference)
    }
}
