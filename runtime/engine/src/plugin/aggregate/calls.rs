//! The rows of an update, as the search calls the plugin with them.

use std::ops::Range;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use azud_model::{Error, Result};
use azud_operators::{Part, Update};
use azud_sandbox::{Aggregate, GuestError};

use super::differ::UpdateCall;
use crate::plugin::differ::Beside;
use crate::plugin::search::Calls;
use crate::swap::InLane;

/// Some rows of an update, and the plugin that adds them to states.
pub(super) struct UpdateCalls<'a> {
    pub(super) title: &'a str,
    pub(super) plugin: &'a mut InLane<Aggregate>,
    pub(super) update: &'a mut Update,
    /// The first of the rows.
    pub(super) first: usize,
    /// Rows of the update that cannot be added, and why.
    pub(super) rejected: &'a mut Vec<(usize, String)>,
}

// === impl UpdateCalls ===

impl Calls for UpdateCalls<'_> {
    type Answer = (Part, RecordBatch);

    fn call(
        &mut self,
        rows: Range<usize>,
        deadline: Option<Duration>,
    ) -> Result<Self::Answer, GuestError> {
        let rows = self.first + rows.start..self.first + rows.end;
        let part = self.update.part(rows).map_err(|error| GuestError::Input {
            what: error.to_string(),
        })?;
        let (states, total) = (&part.states, part.total);
        let beside = Beside::of(self.plugin, deadline);
        let answer = self
            .plugin
            .call(|aggregate| aggregate.update(states, total, &part.groups, &part.rows, deadline));
        if let Some(beside) = beside {
            let call = UpdateCall {
                states: states.clone(),
                total,
                groups: part.groups.clone(),
                rows: part.rows.clone(),
            };
            beside.offer(self.plugin.get(), &answer, call);
        }
        Ok((part, answer?))
    }

    fn emit(&mut self, _: Range<usize>, (part, states): Self::Answer) -> Result<()> {
        self.update.put(&part, states)
    }

    fn reject(&mut self, row: usize, reason: String) -> Result<()> {
        self.rejected
            .push((self.first + row, format!("{}: {reason}", self.title)));
        Ok(())
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
        let (first, count) = (self.first + rows.start, self.update.rows());
        match rows.len() {
            1 => format!("row {} of {count}", first + 1),
            _ => format!("rows {} to {} of {count}", first + 1, self.first + rows.end),
        }
    }

    fn stop(&self, message: String) -> Error {
        Error::plugin(format!("{}: {message}", self.title))
    }
}
