//! The rows of a batch, as the search calls the plugin with them.

use std::ops::Range;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_model::{Batch, Error, Result};
use azud_operators::Collector;
use azud_sandbox::{GuestError, Processed, Rows, Transform};

use super::SAMPLE;
use super::differ::{Beside, TransformCall};
use super::search::Calls;
use crate::swap::InLane;

/// A batch, the plugin that it is for, and where its rows go then.
pub(super) struct PluginRows<'a> {
    pub(super) node: &'a str,
    pub(super) plugin: &'a mut InLane<Transform>,
    pub(super) batch: &'a Batch,
    pub(super) out: &'a mut dyn Collector,
    /// Rows that went well last.
    pub(super) last: &'a mut Option<RecordBatch>,
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
        let strict = self.plugin.may_not_reject();
        let beside = Beside::of(self.plugin, deadline);
        let answer = self.plugin.call(|transform| {
            let deadline = deadline.unwrap_or_else(|| transform.deadline());
            let answer = transform.process_within(part.columns(), deadline)?;
            match answer.rejected.first().filter(|_| strict) {
                Some(rejected) => Err(GuestError::Failed(rejected.reason.clone())),
                None => Ok(answer),
            }
        });
        if let Some(beside) = beside {
            let rows = part.columns().clone();
            beside.offer(self.plugin.get(), &answer, TransformCall { rows });
        }
        let answer = answer?;
        let sample = part.rows().min(SAMPLE);
        *self.last = Some(part.columns().slice(0, sample));
        Ok(answer)
    }

    fn emit(&mut self, rows: Range<usize>, answer: Processed) -> Result<()> {
        let part = self.batch.slice(rows.start, rows.len());
        emit(&part, answer, self.plugin.digest(), &mut *self.out)
    }

    fn reject(&mut self, row: usize, reason: String) -> Result<()> {
        let digest = self.plugin.digest();
        self.out.reject_by(self.batch, row, reason, digest)
    }

    fn plugin(&self) -> &str {
        self.plugin.plugin()
    }

    fn taken_back(&self) -> Option<Error> {
        self.plugin.taken_back()
    }

    fn is_tried_out(&self) -> bool {
        self.plugin.is_tried_out()
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
    let origin = batch.origin();
    let Some(origin) = origin.filter(|origin| origin.partition.is_known()) else {
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
fn emit(batch: &Batch, processed: Processed, digest: &str, out: &mut dyn Collector) -> Result<()> {
    for rejected in processed.rejected {
        out.reject_by(batch, rejected.row as usize, rejected.reason, digest)?;
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
