//! Sliding windows one after the other: each costs a few merges, however many panes it has.

use std::collections::BTreeMap;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use azud_model::Result;

use super::Windows;
use super::merge::{merged, of_window};
use crate::aggregate::Groups;

/// The rows of windows that are asked for in their order.
///
/// Two stacks, as in Tangwongsan, Hirzel and Schneider, "In-Order Sliding-Window Aggregation in
/// Worst-Case Constant Time", section 3: of the older panes of a window it has what each of them
/// and all after it make together, of the newer ones what they make so far. Once the older ones
/// are gone, the newer ones take their place.
pub(super) struct Slide<'a> {
    groups: &'a Groups,
    windows: Windows,
    panes: &'a BTreeMap<i64, Vec<usize>>,
    /// Older panes, the oldest last, each merged with those after it here.
    older: Vec<(i64, RecordBatch)>,
    /// All newer panes merged.
    newer: Option<RecordBatch>,
    /// The newer panes themselves, in their order.
    each: Vec<(i64, RecordBatch)>,
    /// Panes from this one on were not looked at.
    next: i64,
}

// === impl Slide ===

impl<'a> Slide<'a> {
    pub(super) fn new(
        groups: &'a Groups,
        windows: Windows,
        panes: &'a BTreeMap<i64, Vec<usize>>,
    ) -> Self {
        Self {
            groups,
            windows,
            panes,
            older: Vec::new(),
            newer: None,
            each: Vec::new(),
            next: i64::MIN,
        }
    }

    /// One row of keys and states for each group of a window, which is not before the last one.
    pub(super) fn rows(&mut self, start: i64) -> Result<RecordBatch> {
        while self.older.last().is_some_and(|(pane, _)| *pane < start) {
            self.older.pop();
        }
        let end = self.windows.end(start);
        let from = self.next.max(start).min(end);
        for (pane, groups) in self.panes.range(from..end) {
            let rows = self.groups.gather(groups)?;
            self.newer = Some(match self.newer.take() {
                Some(newer) => self.merge(start, &newer, &rows)?,
                None => rows.clone(),
            });
            self.each.push((*pane, rows));
        }
        self.next = self.next.max(end);
        if self.older.is_empty() {
            self.turn(start)?;
        }
        match (self.older.last(), &self.newer) {
            (Some((_, older)), Some(newer)) => self.merge(start, older, newer),
            (Some((_, rows)), None) | (None, Some(rows)) => of_window(start, rows),
            (None, None) => self.groups.gather(&[]),
        }
    }

    /// Makes the newer panes older ones, but for those before the window.
    fn turn(&mut self, start: i64) -> Result<()> {
        self.newer = None;
        for (pane, rows) in std::mem::take(&mut self.each).into_iter().rev() {
            if pane < start {
                break;
            }
            let rows = match self.older.last() {
                Some((_, after)) => self.merge(start, &rows, after)?,
                None => rows,
            };
            self.older.push((pane, rows));
        }
        Ok(())
    }

    /// Merges rows by key; `first` are the older ones.
    fn merge(&self, start: i64, first: &RecordBatch, then: &RecordBatch) -> Result<RecordBatch> {
        let rows = concat_batches(first.schema_ref(), [first, then])?;
        merged(self.groups, self.windows, start, &rows, None)
    }
}
