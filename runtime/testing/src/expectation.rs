//! What is expected of one node, and whether it came.

use arrow::datatypes::SchemaRef;
use azud_connector_memory::MemorySink;
use azud_engine::OutputShape;
use azud_manifest::TestRows;
use azud_model::Mode;

use crate::cells::{self, Row};
use crate::columns::Columns;
use crate::compare::compare;
use crate::diff;
use crate::fault::Fault;

/// The rows that one node must give, and where those are that it gives.
pub(crate) struct Expectation<'a> {
    expected: &'a TestRows,
    mode: Mode,
    schema: SchemaRef,
    rows: Vec<Row>,
    /// Which columns are compared.
    compared: Vec<bool>,
    sink: MemorySink,
}

// === impl Expectation ===

impl<'a> Expectation<'a> {
    /// Reads the expected rows; `sink` takes those that come.
    pub(crate) fn new(
        expected: &'a TestRows,
        shape: &OutputShape,
        sink: MemorySink,
    ) -> Result<Self, Fault> {
        let node = &expected.node;
        let columns = Columns::new(&shape.schema, None);
        let mut columns = columns.map_err(|error| Fault::new(node.span, error.to_string()))?;
        let rows = expected.rows.iter().enumerate().map(|(number, row)| {
            let batch = columns.read(row).map_err(|fault| {
                fault.within(&format!(
                    "expected rows of `{}`, row {}",
                    node.value,
                    number + 1
                ))
            })?;
            Ok(cells::row_of(&batch, &shape.schema))
        });
        let is_named = |column: &str| {
            let mut rows = expected.rows.iter();
            rows.any(|row| row.value.value.get(column).is_some())
        };
        // Where a rejected row comes from, and when, is nobody's business unless it is named.
        let is_rejected = node.value.ends_with(".rejected");
        let mut compared: Vec<bool> = shape
            .schema
            .fields()
            .iter()
            .map(|field| !is_rejected || is_named(field.name()))
            .collect();
        if is_rejected && expected.rows.is_empty() {
            let worth = ["position", "reason"];
            let fields = shape.schema.fields().iter();
            compared = fields
                .map(|field| worth.contains(&field.name().as_str()))
                .collect();
        }
        Ok(Self {
            expected,
            mode: shape.mode,
            schema: shape.schema.clone(),
            rows: rows.collect::<Result<_, _>>()?,
            compared,
            sink,
        })
    }

    /// What is wrong with the rows that came, after a run; `None`: nothing.
    pub(crate) fn wrong(self) -> Option<String> {
        let committed = self.sink.committed();
        let epochs = match self.mode {
            // The last epoch's rows are the whole result.
            Mode::Complete => committed.get(committed.len().saturating_sub(1)..),
            Mode::Append | Mode::Update => Some(committed.as_slice()),
        };
        let batches = epochs.unwrap_or_default().iter();
        let batches = batches.flat_map(|epoch| &epoch.batches);
        let actual: Vec<Row> = batches
            .flat_map(|batch| cells::rows(batch.columns()))
            .collect();
        let columns: Row = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let only = |row: Row| -> Row {
            let cells = row.into_iter().zip(&self.compared);
            cells
                .filter_map(|(cell, compared)| compared.then_some(cell))
                .collect()
        };
        let expected = self.rows.into_iter().map(only).collect();
        let difference = compare(expected, actual.into_iter().map(only).collect());
        if difference.missing.is_empty() && difference.extra.is_empty() {
            return None;
        }
        let node = &self.expected.node.value;
        let node = match self.mode {
            Mode::Append => node.clone(),
            Mode::Update => format!("{node} (update)"),
            Mode::Complete => format!("{node} (complete)"),
        };
        Some(diff::draw(&node, &only(columns), &difference))
    }
}
