//! Sliding windows one after the other: each costs a few merges, however many panes it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use azud_model::{Error, Result};

use super::Windows;
use super::inner_keys::InnerKeys;
use crate::aggregate::{Accumulators, Aggregate, Groups, failed};
use crate::project::record_batch;

/// Not numbered yet.
const NONE: u32 = u32::MAX;

/// The results of windows that are asked for in their order.
///
/// Two stacks, as in Tangwongsan, Hirzel and Schneider, "In-Order Sliding-Window Aggregation in
/// Worst-Case Constant Time", section 3: of the older panes of a window it has what each of them
/// and all after it make together, of the newer ones what they make so far. Once the older ones
/// are gone, the newer ones take their place.
pub(super) struct Slide<'a> {
    groups: &'a Groups,
    keys: &'a InnerKeys,
    windows: Windows,
    panes: &'a BTreeMap<i64, Vec<usize>>,
    /// Older panes, the oldest last, each merged with those after it here.
    older: Vec<(i64, Part)>,
    /// All newer panes merged.
    newer: Option<Part>,
    /// The newer panes themselves, in their order.
    each: Vec<(i64, Part)>,
    /// Panes from this one on were not looked at.
    next: i64,
    accumulators: Accumulators,
    /// By number of the keys, their place in the merge at hand; kept for its memory.
    places: Vec<u32>,
    /// 0, 1, 2, ...
    identity: Vec<usize>,
}

/// States of some keys, each of them once.
#[derive(Clone)]
struct Part {
    keys: Vec<u32>,
    states: Vec<ArrayRef>,
}

// === impl Slide ===

impl<'a> Slide<'a> {
    /// `keys` are settled.
    pub(super) fn new(
        groups: &'a Groups,
        keys: &'a InnerKeys,
        windows: Windows,
        panes: &'a BTreeMap<i64, Vec<usize>>,
    ) -> Result<Self> {
        Ok(Self {
            groups,
            keys,
            windows,
            panes,
            older: Vec::new(),
            newer: None,
            each: Vec::new(),
            next: i64::MIN,
            accumulators: groups.accumulators()?,
            places: vec![NONE; keys.len()],
            identity: Vec::new(),
        })
    }

    /// One row of results for each group of a window, which is not before the last one, or `only`
    /// for those with these keys; `None` where it has none.
    pub(super) fn results(
        &mut self,
        start: i64,
        only: Option<impl Iterator<Item = u32>>,
    ) -> Result<Option<RecordBatch>> {
        while self.older.last().is_some_and(|(pane, _)| *pane < start) {
            self.older.pop();
        }
        let end = self.windows.end(start);
        let from = self.next.max(start).min(end);
        for (pane, groups) in self.panes.range(from..end) {
            let part = self.part(groups)?;
            self.newer = Some(match self.newer.take() {
                Some(newer) => self.merge(&newer, &part)?,
                None => part.clone(),
            });
            self.each.push((*pane, part));
        }
        self.next = self.next.max(end);
        if self.older.is_empty() {
            self.turn(start)?;
        }
        let older = self.older.pop();
        let newer = self.newer.take();
        let keys = match (older.as_ref().map(|(_, part)| part), &newer) {
            (None, None) => return Ok(None),
            (Some(one), None) | (None, Some(one)) => self.add(one)?,
            (Some(older), Some(newer)) => self.add_both(older, newer)?,
        };
        self.older.extend(older);
        self.newer = newer;
        let results = self.accumulators.take_results().map_err(failed)?;
        let mut columns = vec![window_column(self.groups.aggregate(), start, keys.len())?];
        columns.extend(self.keys.take(&keys)?);
        columns.extend(results);
        let rows = record_batch(self.groups.aggregate().output(), columns, keys.len());
        let rows = rows.map_err(failed)?;
        let Some(only) = only else {
            return Ok(Some(rows));
        };
        let only: BTreeSet<u32> = only.collect();
        let is_wanted: BooleanArray = keys.iter().map(|key| Some(only.contains(key))).collect();
        Ok(Some(filter_record_batch(&rows, &is_wanted)?))
    }

    /// A pane as it is.
    fn part(&self, groups: &[usize]) -> Result<Part> {
        let rows = self.groups.gather(groups)?;
        let (_, states) = self.groups.split(rows.columns());
        let keys = groups.iter().map(|group| self.keys.of(*group));
        Ok(Part {
            keys: keys.collect::<Result<_>>()?,
            states: states.to_vec(),
        })
    }

    /// Makes the newer panes older ones, but for those before the window.
    fn turn(&mut self, start: i64) -> Result<()> {
        self.newer = None;
        for (pane, part) in std::mem::take(&mut self.each).into_iter().rev() {
            if pane < start {
                break;
            }
            let part = match self.older.pop() {
                Some(after) => {
                    let merged = self.merge(&part, &after.1)?;
                    self.older.push(after);
                    merged
                }
                None => part,
            };
            self.older.push((pane, part));
        }
        Ok(())
    }

    /// Merges parts by key; `first` are the older ones.
    fn merge(&mut self, first: &Part, then: &Part) -> Result<Part> {
        Ok(Part {
            keys: self.add_both(first, then)?,
            states: self.accumulators.take_states().map_err(failed)?,
        })
    }

    /// Takes one part into accumulators that are empty; answers its keys.
    fn add(&mut self, part: &Part) -> Result<Vec<u32>> {
        let length = part.keys.len();
        self.identity.extend(self.identity.len()..length);
        let places = self.identity.get(..length).unwrap_or_default();
        let merged = self.accumulators.merge(&part.states, places, length);
        merged.map_err(failed)?;
        Ok(part.keys.clone())
    }

    /// The same of two, whose keys may meet.
    fn add_both(&mut self, first: &Part, then: &Part) -> Result<Vec<u32>> {
        // The first merge has every group that there is by then, see `Groups::merge_in_order`.
        let mut keys = self.add(first)?;
        for (place, key) in (0..).zip(&keys) {
            if let Some(own) = self.places.get_mut(*key as usize) {
                *own = place;
            }
        }
        let mut places = Vec::with_capacity(then.keys.len());
        for key in &then.keys {
            if let Some(own) = self.places.get_mut(*key as usize) {
                if *own == NONE {
                    // There are no more than `InnerKeys` has numbers.
                    *own = keys.len() as u32;
                    keys.push(*key);
                }
                places.push(*own as usize);
            }
        }
        for key in &keys {
            if let Some(own) = self.places.get_mut(*key as usize) {
                *own = NONE;
            }
        }
        let merged = self.accumulators.merge(&then.states, &places, keys.len());
        merged.map_err(failed)?;
        Ok(keys)
    }
}

/// The start of a window, once for each row, in the type of the first key.
fn window_column(aggregate: &Aggregate, start: i64, rows: usize) -> Result<ArrayRef> {
    let first = aggregate.state().fields().first();
    let first = first.ok_or_else(|| Error::internal("a row of a window names no pane"))?;
    let starts = TimestampMicrosecondArray::from_value(start, rows);
    Ok(Arc::new(starts.with_data_type(first.data_type().clone())))
}
