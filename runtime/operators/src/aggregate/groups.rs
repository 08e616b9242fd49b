//! Groups and what is known of them: rows of states are merged by group within an epoch, and
//! into what earlier epochs left at its end.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array, UInt64Array};
use arrow::compute::{concat, concat_batches, take};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use azud_model::Result;
use datafusion_common::DataFusionError;

use super::accumulators::Accumulators;
use super::group_keys::{GroupKeys, canonical};
use super::{Aggregate, GroupStates, state};
use crate::MAX_ROWS;
use crate::project::record_batch;
use crate::reason::internal;

/// The memory of an aggregate, and the epoch at hand. Groups have numbers from 0 on, in the
/// order in which they are first seen.
pub(crate) struct Groups {
    aggregate: Arc<Aggregate>,
    keys: GroupKeys,
    states: GroupStates,
    epoch: Touched,
    /// The group of each row of the batch at hand; kept for its memory.
    numbers: Vec<usize>,
    /// How many groups of an earlier numbering were seen before the first of this one.
    forgotten: u64,
    /// The epoch at hand; `None` where that is the first of an attempt.
    next: Option<u64>,
}

/// What an epoch has put: groups and their rows.
#[derive(Clone)]
pub(crate) struct Put {
    pub(crate) groups: Vec<usize>,
    /// Keys and states.
    pub(crate) rows: RecordBatch,
    forgotten: u64,
}

/// The groups of the epoch at hand. A group has two numbers: for ever in
/// `keys` and `states`, for this epoch in `accumulators`.
struct Touched {
    /// For-ever numbers, in the order of the epoch's numbers.
    groups: Vec<usize>,
    /// Epoch's number by for-ever number; `usize::MAX`: not touched.
    numbers: Vec<usize>,
    /// The keys of `groups`, in pieces.
    keys: Vec<Vec<ArrayRef>>,
    accumulators: Accumulators,
}

const UNTOUCHED: usize = usize::MAX;

// === impl Groups ===

impl Groups {
    pub(crate) fn new(aggregate: Arc<Aggregate>) -> Result<Self> {
        Ok(Self {
            keys: aggregate.group_keys().map_err(failed)?,
            states: GroupStates::new(aggregate.state().clone()),
            epoch: Touched {
                groups: Vec::new(),
                numbers: Vec::new(),
                keys: Vec::new(),
                accumulators: aggregate.accumulators(None).map_err(failed)?,
            },
            aggregate,
            numbers: Vec::new(),
            forgotten: 0,
            next: None,
        })
    }

    pub(crate) fn aggregate(&self) -> &Arc<Aggregate> {
        &self.aggregate
    }

    /// Others that compute the aggregate, in the epoch at hand.
    pub(crate) fn accumulators(&self) -> Result<Accumulators> {
        self.aggregate.accumulators(self.next).map_err(failed)
    }

    /// The epoch has ended, and so has all that is called for it.
    pub(crate) fn end_epoch(&mut self, epoch: u64) -> Result<()> {
        self.next = Some(epoch + 1);
        self.epoch.accumulators.end_epoch(epoch).map_err(failed)
    }

    /// How many groups have a number.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether the epoch has rows.
    pub(crate) fn is_touched(&self) -> bool {
        !self.epoch.groups.is_empty()
    }

    /// Whether earlier epochs know the group.
    pub(crate) fn is_known(&self, group: usize) -> bool {
        self.states.contains(group)
    }

    /// The rows of keys and states of groups that are known.
    pub(crate) fn gather(&self, groups: &[usize]) -> Result<RecordBatch> {
        self.states.gather(groups)
    }

    /// Keeps what an epoch has put.
    pub(crate) fn keep(&mut self, put: Put) -> Result<()> {
        self.states.put(put.groups, put.rows)
    }

    /// Forgets what is known of groups; their numbers stay.
    pub(crate) fn remove(&mut self, groups: &[usize]) {
        self.states.remove(groups);
    }

    /// Starts afresh, when an epoch is finished and nothing of it is kept.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.keys.take().map_err(failed)?;
        self.epoch.numbers.clear();
        Ok(())
    }

    /// Between epochs: goes on with nothing but rows of keys and states, in pieces. Gives the
    /// numbers of each.
    pub(crate) fn replace(&mut self, rows: Vec<RecordBatch>) -> Result<Vec<Vec<usize>>> {
        self.forgotten += self.keys.len() as u64;
        self.clear()?;
        self.states = GroupStates::new(self.aggregate.state().clone());
        rows.into_iter().map(|rows| self.put(rows)).collect()
    }

    /// Goes on with rows of a checkpoint; gives their numbers.
    pub(crate) fn put(&mut self, rows: RecordBatch) -> Result<Vec<usize>> {
        let (keys, _) = self.split(rows.columns());
        let number = self.keys.number(keys, rows.num_rows(), &mut self.numbers);
        number.map_err(failed)?;
        self.states.put(self.numbers.clone(), rows)?;
        Ok(self.numbers.clone())
    }

    /// Goes on with rows that no checkpoint has: they are to be recorded as what an epoch has put.
    pub(crate) fn adopt(&mut self, rows: RecordBatch) -> Result<Put> {
        Ok(Put {
            groups: self.put(rows.clone())?,
            rows,
            forgotten: self.forgotten,
        })
    }

    /// The rows of a checkpoint for what epochs have put, in their order; `None` where that is
    /// nothing.
    pub(crate) fn all_changes(&self, puts: &[Put]) -> Result<Option<RecordBatch>> {
        let rows = puts.iter().map(|put| self.changes(put));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(concat_batches(&first.schema(), &rows)?))
    }

    /// The rows of a checkpoint for what an epoch has put.
    pub(crate) fn changes(&self, put: &Put) -> Result<RecordBatch> {
        let order = put.groups.iter().map(|group| put.forgotten + *group as u64);
        state::rows(&self.aggregate, order, &put.rows)
    }

    /// The results of rows of keys and states, in batches.
    pub(crate) fn results(
        &self,
        rows: &RecordBatch,
        mut emit: impl FnMut(RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let mut accumulators = self.accumulators()?;
        for from in (0..rows.num_rows()).step_by(MAX_ROWS) {
            let length = MAX_ROWS.min(rows.num_rows() - from);
            let piece = rows.slice(from, length);
            let (keys, states) = self.split(piece.columns());
            let each: Vec<usize> = (0..length).collect();
            accumulators.merge(states, &each, length).map_err(failed)?;
            let mut columns = keys.to_vec();
            columns.extend(accumulators.take_results().map_err(failed)?);
            let results = record_batch(self.aggregate.output(), columns, length);
            emit(results.map_err(failed)?)?;
        }
        Ok(())
    }

    /// The one group of an aggregate without keys exists even without rows.
    pub(crate) fn touch_only_group(&mut self) -> Result<()> {
        if self.aggregate.keys() == 0 && !self.states.contains(0) && self.epoch.groups.is_empty() {
            self.numbers = vec![0];
            self.epoch.touch(&mut self.numbers, 1);
            self.epoch.accumulators.start_empty().map_err(failed)?;
        }
        Ok(())
    }

    /// Takes rows of keys and states into the epoch.
    pub(crate) fn merge(&mut self, batch: &RecordBatch) -> Result<()> {
        self.merge_rows(batch).map_err(failed)
    }

    fn merge_rows(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        let (keys, states) = self.split(batch.columns());
        self.keys
            .number(keys, batch.num_rows(), &mut self.numbers)?;
        let new = self.epoch.touch(&mut self.numbers, self.keys.len());
        if !new.is_empty() {
            let keys = keys.iter().map(|key| take(&canonical(key), &new, None));
            self.epoch.keys.push(keys.collect::<Result<_, _>>()?);
        }
        self.epoch
            .accumulators
            .merge(states, &self.numbers, self.epoch.groups.len())
    }

    /// Key columns, state columns.
    pub(crate) fn split<'a>(&self, columns: &'a [ArrayRef]) -> (&'a [ArrayRef], &'a [ArrayRef]) {
        columns
            .split_at_checked(self.aggregate.keys())
            .unwrap_or((columns, &[]))
    }

    /// The states of the groups of this epoch, in the order of `groups`, with
    /// what earlier epochs knew of them merged in; the epoch starts afresh.
    pub(crate) fn finish_epoch(&mut self) -> Result<Put> {
        let (known, old): (Vec<usize>, Vec<usize>) = (0..)
            .zip(&self.epoch.groups)
            .filter(|(_, group)| self.states.contains(**group))
            .unzip();
        let total = self.epoch.groups.len();
        if !old.is_empty() {
            // `first`, `last` and `collect_list` go by order: what is older comes first.
            let new = self.epoch.accumulators.take_states().map_err(failed)?;
            let rows = self.states.gather(&old)?;
            let (_, old) = self.split(rows.columns());
            self.merge_in_order(old, &new, &known, total)
                .map_err(failed)?;
        }
        let mut columns = self.epoch.take_keys(self.aggregate.keys())?;
        let states = self.epoch.accumulators.take_states();
        columns.extend(states.map_err(failed)?);
        let rows = record_batch(self.aggregate.state(), columns, total).map_err(failed)?;
        Ok(Put {
            groups: self.epoch.clear(),
            rows,
            forgotten: self.forgotten,
        })
    }

    /// Merges states of earlier epochs, one for each of the groups `known`, and
    /// then the epoch's own, one for each of all groups.
    ///
    /// The first merge has every group: DataFusion's accumulators take a group
    /// that is passed over for one with values, where no state is null.
    fn merge_in_order(
        &mut self,
        old: &[ArrayRef],
        new: &[ArrayRef],
        known: &[usize],
        total: usize,
    ) -> Result<(), DataFusionError> {
        let mut is_known = vec![false; total];
        for group in known {
            if let Some(is_known) = is_known.get_mut(*group) {
                *is_known = true;
            }
        }
        let unknown = (0..total).zip(&is_known).filter(|(_, known)| !**known);
        let unknown: Vec<usize> = unknown.map(|(group, _)| group).collect();
        let of_known = take_groups(new, known)?;
        let of_unknown = take_groups(new, &unknown)?;
        let first: Vec<ArrayRef> = old
            .iter()
            .zip(&of_unknown)
            .map(|(old, new)| concat(&[old.as_ref(), new.as_ref()]))
            .collect::<Result<_, _>>()?;
        let accumulators = &mut self.epoch.accumulators;
        accumulators.merge(&first, &[known, &unknown].concat(), total)?;
        accumulators.merge(&of_known, known, total)
    }
}

// === impl Touched ===

impl Touched {
    /// Turns for-ever numbers into the epoch's; gives the rows whose group is new in it.
    fn touch(&mut self, numbers: &mut [usize], total: usize) -> UInt32Array {
        self.numbers
            .resize(total.max(self.numbers.len()), UNTOUCHED);
        let mut new = Vec::new();
        for (row, number) in (0u32..).zip(numbers) {
            if let Some(slot) = self.numbers.get_mut(*number) {
                if *slot == UNTOUCHED {
                    *slot = self.groups.len();
                    self.groups.push(*number);
                    new.push(row);
                }
                *number = *slot;
            }
        }
        UInt32Array::from(new)
    }

    fn take_keys(&mut self, keys: usize) -> Result<Vec<ArrayRef>> {
        let pieces = std::mem::take(&mut self.keys);
        (0..keys)
            .map(|key| {
                let pieces: Vec<_> = pieces
                    .iter()
                    .filter_map(|piece| piece.get(key))
                    .map(AsRef::as_ref)
                    .collect();
                Ok(concat(&pieces)?)
            })
            .collect()
    }

    /// Forgets the epoch; gives the groups that it touched.
    fn clear(&mut self) -> Vec<usize> {
        let groups = std::mem::take(&mut self.groups);
        for group in &groups {
            if let Some(slot) = self.numbers.get_mut(*group) {
                *slot = UNTOUCHED;
            }
        }
        groups
    }
}

/// The states of some groups.
fn take_groups(states: &[ArrayRef], groups: &[usize]) -> Result<Vec<ArrayRef>, ArrowError> {
    let groups = groups.iter().map(|group| *group as u64);
    let groups = UInt64Array::from_iter_values(groups);
    let taken = states.iter().map(|state| take(state, &groups, None));
    taken.collect()
}

pub(crate) fn failed(error: DataFusionError) -> azud_model::Error {
    internal("an aggregate", error)
}
