//! States that an earlier version has kept, as the search calls the plugin with them.

use std::ops::Range;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use azud_model::{Error, Result};
use azud_sandbox::{Aggregate, GuestError, escaped};

use crate::plugin::search::Calls;
use crate::swap::InLane;

/// Letters of a group in messages.
const MAX_SHOWN: usize = 200;

/// States of an earlier version, and the plugin that converts them.
pub(super) struct ConvertCalls<'a> {
    pub(super) title: &'a str,
    pub(super) plugin: &'a mut InLane<Aggregate>,
    /// Which of the earlier versions that the plugin knows.
    pub(super) former: usize,
    pub(super) states: &'a RecordBatch,
    /// Whose state a row is, for a person.
    pub(super) group: &'a dyn Fn(usize) -> String,
    /// What they became, in their order.
    pub(super) converted: &'a mut Vec<RecordBatch>,
}

// === impl ConvertCalls ===

impl ConvertCalls<'_> {
    fn group(&self, row: usize) -> String {
        let shown: String = (self.group)(row).chars().take(MAX_SHOWN).collect();
        escaped(&shown)
    }
}

impl Calls for ConvertCalls<'_> {
    type Answer = RecordBatch;

    fn call(
        &mut self,
        rows: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<RecordBatch, GuestError> {
        let states = self.states.slice(rows.start, rows.len());
        let former = self.former;
        self.plugin
            .call(|aggregate| aggregate.migrate(former, &states, deadline))
    }

    fn emit(&mut self, _: Range<usize>, states: RecordBatch) -> Result<()> {
        self.converted.push(states);
        Ok(())
    }

    fn reject(&mut self, row: usize, reason: String) -> Result<()> {
        Err(self.stop(format!("of {}: {reason}", self.group(row))))
    }

    fn plugin(&self) -> &str {
        self.plugin.plugin()
    }

    fn place(&self, rows: Range<usize>) -> String {
        match rows.len() {
            1 => self.group(rows.start),
            many => format!("{many} groups"),
        }
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(format!(
            "{}: its states cannot be converted: {message}; they are as they were: go on with the \
             version before, or correct `migrate`",
            self.title
        ))
    }

    /// A group may have much more state than others.
    fn cost_alike(&self) -> bool {
        false
    }
}
