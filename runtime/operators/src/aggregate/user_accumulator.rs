//! The running states of a user's aggregate, group by group.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatchOptions, UInt32Array};
use arrow::compute::{concat, concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use azud_model::{ErrorKind, Result};

use super::GroupStates;
use super::group_numbers::{GroupNumbers, Numbered};
use super::update::Update;
use super::user::{Reducer, UserAggregate};
use crate::MAX_ROWS;

/// Bytes of states that cross to a user's code at once, about: half of what it may answer
/// with, so that states may grow.
const MAX_BYTES: usize = 4 << 20;

/// States by group, and who computes them.
pub(super) struct UserAccumulator {
    reducer: Box<dyn Reducer>,
    schema: SchemaRef,
    arguments: SchemaRef,
    states: GroupStates,
    numbers: GroupNumbers,
    total: usize,
}

/// An update that was computed, and counts once it is committed.
pub(super) struct Prepared {
    update: Update,
    /// The group of each of the update's.
    groups: Vec<usize>,
    /// The rows that cannot be added, and why.
    pub(super) rejected: Vec<(usize, String)>,
    /// The digest of the plugin that says so.
    pub(super) plugin: Option<Arc<str>>,
}

// === impl UserAccumulator ===

impl UserAccumulator {
    pub(super) fn new(
        function: &Arc<dyn UserAggregate>,
        arguments: SchemaRef,
        epoch: Option<u64>,
    ) -> Result<Self> {
        let schema = function.state().clone();
        Ok(Self {
            reducer: function.open(epoch)?,
            states: GroupStates::new(schema.clone()),
            schema,
            arguments,
            numbers: GroupNumbers::default(),
            total: 0,
        })
    }

    /// Computes what rows make of their groups, row `i` of group `groups[i]` of `total`; only rows that
    /// pass the filter count, but the groups of all are there.
    pub(super) fn prepare(
        &mut self,
        arguments: Vec<ArrayRef>,
        groups: &[usize],
        total: usize,
        filter: Option<&BooleanArray>,
    ) -> Result<Prepared> {
        let options = RecordBatchOptions::new().with_row_count(Some(groups.len()));
        let rows = RecordBatch::try_new_with_options(self.arguments.clone(), arguments, &options)?;
        let states = &self.states;
        let is_known = |group: &usize| states.contains(*group);
        let dense = match groups.len() * 2 >= total && states.bytes() <= MAX_BYTES {
            true => Numbered::all(groups, total, is_known),
            false => None,
        };
        let Numbered {
            groups: touched,
            rows: mut own,
            known,
        } = match dense {
            Some(numbered) => numbered,
            None => self.numbers.of_rows(groups, total, is_known),
        };
        let states = states.gather(touched.get(..known).unwrap_or_default())?;
        // Where the rows that count were before the filter.
        let mut places: Vec<usize> = Vec::new();
        let rows = match filter {
            None => rows,
            Some(filter) => {
                let passes = |row: &usize| filter.is_valid(*row) && filter.value(*row);
                places = (0..groups.len()).filter(passes).collect();
                own = places
                    .iter()
                    .filter_map(|row| own.get(*row))
                    .copied()
                    .collect();
                filter_record_batch(&rows, filter)?
            }
        };
        let mut update = Update::new(rows, own, states, touched.len())?;
        let mut rejected = match update.rows() {
            0 => Vec::new(),
            _ => self.reducer.update(&mut update)?,
        };
        if filter.is_some() {
            for (row, _) in &mut rejected {
                *row = places.get(*row).copied().unwrap_or(*row);
            }
        }
        Ok(Prepared {
            update,
            groups: touched,
            plugin: match rejected.is_empty() {
                true => None,
                false => self.reducer.plugin().map(Arc::from),
            },
            rejected,
        })
    }

    /// Lets an update count.
    pub(super) fn commit(&mut self, prepared: Prepared, total: usize) -> Result<()> {
        let empty = match prepared.update.unknown() {
            0 => RecordBatch::new_empty(self.schema.clone()),
            groups => self.reducer.empty(groups)?,
        };
        self.total = self.total.max(total);
        let states = prepared.update.finish(&empty)?;
        self.states.put(prepared.groups, states)
    }

    /// The epoch has ended.
    pub(super) fn end_epoch(&mut self, epoch: u64) -> Result<()> {
        self.reducer.end_epoch(epoch)
    }

    /// Makes group 0, which has no rows yet.
    pub(super) fn start_empty(&mut self) -> Result<()> {
        self.total = 1;
        let empty = self.reducer.empty(1)?;
        self.states.put(vec![0], empty)
    }

    /// Merges rows of states, row `i` into group `groups[i]` of `total`.
    pub(super) fn merge(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        total: usize,
    ) -> Result<()> {
        self.total = self.total.max(total);
        let rows = RecordBatch::try_new(self.schema.clone(), states.to_vec())?;
        let mut from = 0;
        for rows in pieces(&rows) {
            let to = from + rows.num_rows();
            self.merge_piece(&rows, groups.get(from..to).unwrap_or_default())?;
            from = to;
        }
        Ok(())
    }

    fn merge_piece(&mut self, rows: &RecordBatch, groups: &[usize]) -> Result<()> {
        let touched = self.numbers.touched(groups);
        self.numbers.set(&touched);
        let mut count = vec![0_u32; touched.len()];
        for group in groups {
            if let Some(count) = count.get_mut(self.numbers.get(*group) as usize) {
                *count += 1;
            }
        }
        // A state that meets no other is what it is: only the others are given away.
        let meets = |(group, count): (&usize, &u32)| *count > 1 || self.states.contains(*group);
        let meets: Vec<bool> = touched.iter().zip(&count).map(meets).collect();
        let has = |group: &usize| meets.get(self.numbers.get(*group) as usize) == Some(&true);
        let (mut met, mut alone) = (Vec::new(), Vec::new());
        for (row, group) in (0_u32..).zip(groups) {
            match has(group) {
                true => met.push(row),
                false => alone.push(row),
            }
        }
        let (shared, single): (Vec<usize>, Vec<usize>) =
            touched.iter().copied().partition(|group| has(group));
        self.numbers.forget(&touched);
        if !single.is_empty() {
            // In the order of their rows, which is that of `touched`.
            self.states.put(single, taken(rows, alone)?)?;
        }
        if shared.is_empty() {
            return Ok(());
        }
        let known: Vec<usize> = shared
            .iter()
            .copied()
            .filter(|group| self.states.contains(*group))
            .collect();
        let older = self.states.gather(&known)?;
        self.numbers.set(&shared);
        let of_met = met.iter().filter_map(|row| groups.get(*row as usize));
        let numbers: Vec<u32> = known
            .iter()
            .chain(of_met)
            .map(|group| self.numbers.get(*group))
            .collect();
        self.numbers.forget(&shared);
        let rows = concat_batches(&self.schema, [&older, &taken(rows, met)?])?;
        let merged = self.fold(&rows, &numbers, shared.len())?;
        self.states.put(shared, merged)
    }

    /// One row of states for each group. What is too much at once is halved.
    fn fold(&mut self, rows: &RecordBatch, groups: &[u32], total: usize) -> Result<RecordBatch> {
        let error = match self.reducer.merge(rows, groups, total) {
            Ok(merged) => return Ok(merged),
            Err(error) if error.kind() == ErrorKind::Plugin => error,
            Err(error) => return Err(error),
        };
        if total > 1 {
            let middle = u32::try_from(total / 2).unwrap_or(u32::MAX);
            let mut halves = Vec::new();
            for (from, to) in [(0, middle), (middle, u32::MAX)] {
                let is_in = |group: &u32| (from..to).contains(group);
                let (own, numbers): (Vec<u32>, Vec<u32>) = (0..)
                    .zip(groups)
                    .filter(|(_, group)| is_in(group))
                    .map(|(row, group)| (row, group - from))
                    .unzip();
                let groups = (to as usize).min(total) - from as usize;
                halves.push(self.fold(&taken(rows, own)?, &numbers, groups)?);
            }
            return Ok(concat_batches(&self.schema, &halves)?);
        }
        if rows.num_rows() <= 2 {
            return Err(error);
        }
        let middle = rows.num_rows().div_ceil(2);
        let older = groups.get(..middle).unwrap_or_default();
        let older = self.fold(&rows.slice(0, middle), older, 1)?;
        let rows = rows.slice(middle, rows.num_rows() - middle);
        let rows = concat_batches(&self.schema, [&older, &rows])?;
        self.fold(&rows, &vec![0; rows.num_rows()], 1)
    }

    /// The states of all groups; starts afresh.
    pub(super) fn take_states(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(self.take()?.columns().to_vec())
    }

    /// The results of all groups; starts afresh.
    pub(super) fn take_results(&mut self, none: &ArrayRef) -> Result<ArrayRef> {
        let states = self.take()?;
        let results = pieces(&states)
            .iter()
            .map(|rows| self.finish(rows))
            .collect::<Result<Vec<_>>>()?;
        let results: Vec<&dyn Array> = results.iter().map(AsRef::as_ref).collect();
        match results.as_slice() {
            [] => Ok(none.clone()),
            results => Ok(concat(results)?),
        }
    }

    fn finish(&mut self, states: &RecordBatch) -> Result<ArrayRef> {
        match self.reducer.finish(states) {
            Err(error) if error.kind() == ErrorKind::Plugin && states.num_rows() > 1 => {}
            finished => return finished,
        }
        let middle = states.num_rows() / 2;
        let first = self.finish(&states.slice(0, middle))?;
        let then = self.finish(&states.slice(middle, states.num_rows() - middle))?;
        Ok(concat(&[&first, &then])?)
    }

    fn take(&mut self) -> Result<RecordBatch> {
        let groups: Vec<usize> = (0..std::mem::take(&mut self.total)).collect();
        let states = std::mem::replace(&mut self.states, GroupStates::new(self.schema.clone()));
        states.gather(&groups)
    }

    /// About how many bytes the states take.
    pub(super) fn bytes(&self) -> usize {
        self.states.bytes()
    }
}

fn taken(rows: &RecordBatch, places: Vec<u32>) -> Result<RecordBatch> {
    Ok(take_record_batch(rows, &UInt32Array::from(places))?)
}

/// Rows that may cross at once.
pub(super) fn pieces(rows: &RecordBatch) -> Vec<RecordBatch> {
    let mut pieces = Vec::new();
    for from in (0..rows.num_rows()).step_by(MAX_ROWS) {
        halve(
            rows.slice(from, MAX_ROWS.min(rows.num_rows() - from)),
            &mut pieces,
        );
    }
    pieces
}

fn halve(rows: RecordBatch, pieces: &mut Vec<RecordBatch>) {
    let columns = rows.columns().iter();
    let bytes: usize = columns
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or_default())
        .sum();
    let middle = rows.num_rows() / 2;
    match bytes > MAX_BYTES && middle > 0 {
        true => {
            halve(rows.slice(0, middle), pieces);
            halve(rows.slice(middle, rows.num_rows() - middle), pieces);
        }
        false => pieces.push(rows),
    }
}
