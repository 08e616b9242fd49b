//! The second step of an aggregate: merges what lanes counted into what earlier epochs left.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array, UInt64Array};
use arrow::compute::{concat, take};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use azud_model::{Batch, Epoch, Mode, Result};
use datafusion_common::DataFusionError;

use super::accumulators::Accumulators;
use super::group_keys::{GroupKeys, canonical};
use super::{Aggregate, GroupStates, state};
use crate::project::record_batch;
use crate::reason::internal;
use crate::{Collector, MAX_ROWS, Operator, StateShape};

/// Merges rows of states by group and, at the end of an epoch, emits results:
/// on port `i` what mode `i` asks for. Groups come in the order in which they
/// were first seen: in the epoch, or, in complete mode, ever.
///
/// An aggregate without keys has one group, which exists from the first epoch
/// on, with or without rows.
pub struct FinalAggregate {
    aggregate: Arc<Aggregate>,
    modes: Vec<Mode>,
    memory: Memory,
    keys: GroupKeys,
    states: GroupStates,
    epoch: Touched,
    /// The group of each row of the batch at hand; kept for its memory.
    numbers: Vec<usize>,
    /// What the epoch has put: groups and their rows.
    changed: Option<(Vec<usize>, RecordBatch)>,
}

/// What a [`FinalAggregate`] remembers from one epoch to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    /// All groups.
    Kept,
    /// Nothing: the manifest's `state: batch`.
    Cleared,
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

// === impl FinalAggregate ===

impl FinalAggregate {
    /// The second step of `aggregate`. With `clear_each_epoch` every epoch is
    /// an aggregate of its own: the manifest's `state: batch`.
    ///
    /// # Errors
    /// When the aggregate cannot be computed: its own constructor found that out.
    pub fn new(
        aggregate: Arc<Aggregate>,
        modes: Vec<Mode>,
        clear_each_epoch: bool,
    ) -> Result<Self> {
        Ok(Self {
            modes,
            memory: match clear_each_epoch {
                true => Memory::Cleared,
                false => Memory::Kept,
            },
            keys: aggregate.group_keys().map_err(failed)?,
            states: GroupStates::new(aggregate.state().clone()),
            epoch: Touched {
                groups: Vec::new(),
                numbers: Vec::new(),
                keys: Vec::new(),
                accumulators: aggregate.accumulators().map_err(failed)?,
            },
            aggregate,
            numbers: Vec::new(),
            changed: None,
        })
    }

    fn merge(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
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
    fn split<'a>(&self, columns: &'a [ArrayRef]) -> (&'a [ArrayRef], &'a [ArrayRef]) {
        columns
            .split_at_checked(self.aggregate.keys())
            .unwrap_or((columns, &[]))
    }

    /// The states of the groups of this epoch, in the order of `groups`, with
    /// what earlier epochs knew of them merged in; the epoch starts afresh.
    fn finish_epoch(&mut self) -> Result<(Vec<usize>, RecordBatch)> {
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
        Ok((self.epoch.clear(), rows))
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

    /// Emits the results of rows of states on the ports of these modes.
    fn emit(&self, rows: &RecordBatch, modes: &[Mode], out: &mut dyn Collector) -> Result<()> {
        let mut accumulators = self.aggregate.accumulators().map_err(failed)?;
        for from in (0..rows.num_rows()).step_by(MAX_ROWS) {
            let length = MAX_ROWS.min(rows.num_rows() - from);
            let piece = rows.slice(from, length);
            let (keys, states) = self.split(piece.columns());
            let each: Vec<usize> = (0..length).collect();
            accumulators.merge(states, &each, length).map_err(failed)?;
            let mut columns = keys.to_vec();
            columns.extend(accumulators.take_results().map_err(failed)?);
            let results = record_batch(self.aggregate.output(), columns, length).map_err(failed)?;
            let results = Batch::without_origin(results);
            for (port, mode) in self.modes.iter().enumerate() {
                if modes.contains(mode) {
                    out.emit(port, results.clone())?;
                }
            }
        }
        Ok(())
    }

    fn emit_all(&self, out: &mut dyn Collector) -> Result<()> {
        let groups: Vec<usize> = (0..self.keys.len()).collect();
        for groups in groups.chunks(MAX_ROWS) {
            self.emit(&self.states.gather(groups)?, &[Mode::Complete], out)?;
        }
        Ok(())
    }

    /// The one group of an aggregate without keys exists even without rows.
    fn touch_only_group(&mut self) -> Result<()> {
        if self.aggregate.keys() == 0 && !self.states.contains(0) && self.epoch.groups.is_empty() {
            self.numbers = vec![0];
            self.epoch.touch(&mut self.numbers, 1);
            self.epoch.accumulators.start_empty().map_err(failed)?;
        }
        Ok(())
    }
}

impl Operator for FinalAggregate {
    fn process(&mut self, _input: usize, batch: Batch, _out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        self.merge(batch.columns()).map_err(failed)
    }

    fn end_epoch(&mut self, _epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.changed = None;
        self.touch_only_group()?;
        if !self.epoch.groups.is_empty() {
            let (groups, rows) = self.finish_epoch()?;
            if self.memory == Memory::Cleared {
                self.keys.take().map_err(failed)?;
                self.epoch.numbers.clear();
                return self.emit(&rows, &[Mode::Append, Mode::Update, Mode::Complete], out);
            }
            self.emit(&rows, &[Mode::Append, Mode::Update], out)?;
            self.changed = Some((groups.clone(), rows.clone()));
            self.states.put(groups, rows)?;
        }
        if self.memory == Memory::Kept && self.modes.contains(&Mode::Complete) {
            self.emit_all(out)?;
        }
        Ok(())
    }

    fn state(&self) -> Option<StateShape> {
        (self.memory == Memory::Kept).then(|| state::shape(&self.aggregate))
    }

    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        let changed = self.changed.take();
        let rows = changed.map(|(groups, rows)| state::rows(&self.aggregate, &groups, &rows));
        rows.transpose()
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        for rows in state::latest(&self.aggregate, rows)? {
            let (keys, _) = self.split(rows.columns());
            let number = self.keys.number(keys, rows.num_rows(), &mut self.numbers);
            number.map_err(failed)?;
            self.states.put(self.numbers.clone(), rows)?;
        }
        Ok(())
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

pub(super) fn failed(error: DataFusionError) -> azud_model::Error {
    internal("an aggregate", error)
}
