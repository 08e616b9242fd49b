//! The rows of a batch, as the search calls the plugin with them.

use std::ops::Range;
use std::time::Duration;

use azud_model::{Batch, Error, Result};
use azud_operators::Collector;
use azud_sandbox::{GuestError, Processed, Rows, Transform};

use super::search::Calls;

/// A batch, the plugin that it is for, and where its rows go then.
pub(super) struct PluginRows<'a> {
    pub(super) node: &'a str,
    pub(super) transform: &'a mut Transform,
    pub(super) batch: &'a Batch,
    pub(super) out: &'a mut dyn Collector,
}

// === impl PluginRows ===

impl Calls for PluginRows<'_> {
    type Answer = Processed;

    fn call(
        &mut self,
        rows: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<Processed, GuestError> {
        let part = self.batch.slice(rows.start, rows.len());
        match deadline {
            None => self.transform.process(part.columns()),
            Some(deadline) => self.transform.process_within(part.columns(), deadline),
        }
    }

    fn emit(&mut self, rows: Range<usize>, answer: Processed) -> Result<()> {
        emit(
            &self.batch.slice(rows.start, rows.len()),
            answer,
            &mut *self.out,
        )
    }

    fn reject(&mut self, row: usize, reason: String) -> Result<()> {
        self.out.reject(self.batch, row, reason)
    }

    fn plugin(&self) -> &str {
        self.transform.plugin().name()
    }

    fn place(&self, rows: Range<usize>) -> String {
        place(self.batch, rows)
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(format!("node `{}`: {message}", self.node))
    }
}

/// Where rows of a batch come from, for a person.
pub(super) fn place(batch: &Batch, rows: Range<usize>) -> String {
    let last = rows.end.saturating_sub(1);
    let Some(origin) = batch.origin() else {
        let count = batch.rows();
        return match rows.len() {
            1 => format!("row {} of {count}", rows.start + 1),
            _ => format!("rows {} to {} of {count}", rows.start + 1, rows.end),
        };
    };
    let (source, partition) = (&origin.partition.source, &origin.partition.name);
    let at = |row: usize| origin.positions.values().get(row).copied().unwrap_or(0);
    match rows.len() {
        1 => format!(
            "the row at source `{source}`, {partition}, position {}",
            at(last)
        ),
        _ => format!(
            "the rows at source `{source}`, {partition}, positions {} to {}",
            at(rows.start),
            at(last)
        ),
    }
}

/// What a plugin made of a batch, on its way.
fn emit(batch: &Batch, processed: Processed, out: &mut dyn Collector) -> Result<()> {
    for rejected in processed.rejected {
        out.reject(batch, rejected.row as usize, rejected.reason)?;
    }
    if processed.output.num_rows() == 0 {
        return Ok(());
    }
    let origin = match &processed.rows {
        Rows::Identity => batch.origin().cloned(),
        Rows::Indices(rows) => batch.take_origin(rows)?,
        Rows::Unrelated => None,
    };
    let batch = Batch::new(processed.output, origin)?;
    let mut first = 0;
    while first < batch.rows() {
        out.emit(0, batch.slice(first, azud_operators::MAX_ROWS))?;
        first += azud_operators::MAX_ROWS;
    }
    Ok(())
}
