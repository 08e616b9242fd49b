//! What two versions of an aggregate make of the same call: a row for each group.

use std::ops::Range;

use arrow::record_batch::RecordBatch;
use azud_sandbox::{Aggregate, GuestError};

use crate::plugin::differ::{Call, differs, text};
use crate::swap::Compared;

/// Rows are added to states.
pub(super) struct UpdateCall {
    pub(super) states: RecordBatch,
    pub(super) total: usize,
    pub(super) groups: Vec<u32>,
    pub(super) rows: RecordBatch,
}

/// Results are made of states.
pub(super) struct FinishCall {
    pub(super) states: RecordBatch,
}

// === impl UpdateCall ===

impl Call<Aggregate> for UpdateCall {
    type Answer = RecordBatch;

    fn rows(&self) -> usize {
        self.rows.num_rows()
    }

    fn make(&self, aggregate: &mut Aggregate) -> Result<RecordBatch, GuestError> {
        aggregate.update(&self.states, self.total, &self.groups, &self.rows, None)
    }

    fn part(&self, rows: Range<usize>) -> Option<Self> {
        Some(Self {
            states: self.states.clone(),
            total: self.total,
            groups: self.groups.get(rows.clone())?.to_vec(),
            rows: self.rows.slice(rows.start, rows.len()),
        })
    }

    fn compare(&self, before: &RecordBatch, now: &RecordBatch, compared: &mut Compared) {
        let group = |_| "the state of a group after more rows".to_owned();
        compare(group, before, now, compared);
    }

    /// The state of its group is of other rows, too.
    fn row(&self, row: usize, _: &RecordBatch) -> (String, String) {
        (text(&self.rows, row), String::new())
    }
}

// === impl FinishCall ===

impl Call<Aggregate> for FinishCall {
    type Answer = RecordBatch;

    fn rows(&self) -> usize {
        self.states.num_rows()
    }

    fn make(&self, aggregate: &mut Aggregate) -> Result<RecordBatch, GuestError> {
        aggregate.finish(&self.states)
    }

    fn part(&self, rows: Range<usize>) -> Option<Self> {
        Some(Self {
            states: self.states.slice(rows.start, rows.len()),
        })
    }

    fn compare(&self, before: &RecordBatch, now: &RecordBatch, compared: &mut Compared) {
        compare(|group| self.given(group), before, now, compared);
    }

    fn row(&self, row: usize, before: &RecordBatch) -> (String, String) {
        (self.given(row), text(before, row))
    }
}

impl FinishCall {
    fn given(&self, group: usize) -> String {
        format!("the result of {}", text(&self.states, group))
    }
}

fn compare(
    given: impl Fn(usize) -> String,
    before: &RecordBatch,
    now: &RecordBatch,
    compared: &mut Compared,
) {
    if before == now {
        return;
    }
    for group in 0..before.num_rows().min(now.num_rows()) {
        let [before, now] = [before, now].map(|rows| text(rows, group));
        if before != now {
            differs(compared, || given(group), &before, &now);
        }
    }
}
