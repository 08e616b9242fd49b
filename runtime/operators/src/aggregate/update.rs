//! Rows on their way into the states of a user's aggregate, all at once or part by part.

use std::ops::Range;

use arrow::array::UInt32Array;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::record_batch::RecordBatch;
use azud_model::{Error, Result};

/// Not seen yet.
const NONE: u32 = u32::MAX;

/// Rows, and what is known of their groups. Nothing of it counts before all of it does: so
/// rows may be tried in parts, and those that fail left out.
#[derive(Debug)]
pub struct Update {
    /// The arguments of the function.
    rows: RecordBatch,
    /// The group of each row, by a numbering of this update.
    groups: Vec<u32>,
    /// Rows of states, of which some may have been replaced.
    states: RecordBatch,
    /// Where in `states` each group is, once it is known.
    places: Vec<u32>,
}

/// Some rows of an update, with the states of their groups and a numbering of their own.
#[derive(Debug)]
pub struct Part {
    /// The states of the groups that are known: groups 0 and on.
    pub states: RecordBatch,
    /// How many groups there are, new ones included.
    pub total: usize,
    /// The group of each row.
    pub groups: Vec<u32>,
    /// The rows.
    pub rows: RecordBatch,
    /// The update's number of each group.
    numbers: Vec<u32>,
}

// === impl Update ===

impl Update {
    /// Row `i` is of group `groups[i]`, of `total` in all; the first ones have `states`.
    pub(super) fn new(
        rows: RecordBatch,
        groups: Vec<u32>,
        states: RecordBatch,
        total: usize,
    ) -> Result<Self> {
        let mut places = numbers(states.num_rows())?;
        places.resize(total, NONE);
        Ok(Self {
            rows,
            groups,
            states,
            places,
        })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.groups.len()
    }

    /// Ranges of rows, in order, that take about so many bytes with the states of their
    /// groups, and have at most so many rows.
    pub fn pieces(&self, rows: usize, bytes: usize) -> Vec<Range<usize>> {
        let of_row = average(&self.rows) + average(&self.states);
        let length = (bytes / of_row.max(1)).clamp(1, rows.max(1));
        let starts = (0..self.rows()).step_by(length);
        starts
            .map(|start| start..self.rows().min(start + length))
            .collect()
    }

    /// Some of the rows, with what is known of their groups by now.
    ///
    /// # Errors
    /// `Internal`: the rows are not there.
    pub fn part(&self, range: Range<usize>) -> Result<Part> {
        let missing = || Error::internal("an update has not so many rows");
        let rows = self.rows.slice(range.start, range.len());
        let groups = self.groups.get(range).ok_or_else(missing)?;
        let is_whole = groups.len() == self.rows();
        if is_whole && self.is_untouched() {
            return Ok(Part {
                states: self.states.clone(),
                total: self.places.len(),
                groups: groups.to_vec(),
                rows,
                numbers: numbers(self.places.len())?,
            });
        }
        let mut own = vec![NONE; self.places.len()];
        let mut touched = Vec::new();
        for group in groups {
            if let Some(number) = own.get_mut(*group as usize)
                && *number == NONE
            {
                *number = 0;
                touched.push(*group);
            }
        }
        // Those that are known come first.
        let place = |group: &u32| self.places.get(*group as usize).copied();
        let is_known = |group: &u32| place(group).is_some_and(|place| place != NONE);
        let (known, new): (Vec<u32>, Vec<u32>) = touched.into_iter().partition(is_known);
        let places: UInt32Array = known.iter().filter_map(place).collect();
        let numbers = [known, new].concat();
        for (number, group) in (0..).zip(&numbers) {
            if let Some(own) = own.get_mut(*group as usize) {
                *own = number;
            }
        }
        let own = |group: &u32| own.get(*group as usize).copied();
        Ok(Part {
            states: take_record_batch(&self.states, &places)?,
            total: numbers.len(),
            groups: groups.iter().filter_map(own).collect(),
            rows,
            numbers,
        })
    }

    /// What became of the groups of a part: one row of states for each.
    ///
    /// # Errors
    /// `Internal`: these are not the part's states.
    pub fn put(&mut self, part: &Part, states: RecordBatch) -> Result<()> {
        if states.num_rows() != part.total {
            return Err(Error::internal("a part of an update has other groups"));
        }
        let first = match part.total == self.places.len() {
            true => {
                self.states = states;
                0
            }
            false => {
                let first = self.states.num_rows();
                self.states = concat_batches(self.states.schema_ref(), [&self.states, &states])?;
                first
            }
        };
        for (place, group) in (first..).zip(&part.numbers) {
            if let Some(own) = self.places.get_mut(*group as usize) {
                *own = number(place)?;
            }
        }
        Ok(())
    }

    /// Whether the groups that are known come first, each in its place.
    fn is_untouched(&self) -> bool {
        let known = self.states.num_rows();
        let mut places = (0..).zip(&self.places);
        places.all(|(at, place)| match (at as usize) < known {
            true => *place == at,
            false => *place == NONE,
        })
    }

    /// How many groups have no state: none of their rows was added.
    pub(super) fn unknown(&self) -> usize {
        self.places.iter().filter(|place| **place == NONE).count()
    }

    /// The states of all groups, in their order; `empty` has those of groups that have none.
    pub(super) fn finish(self, empty: &RecordBatch) -> Result<RecordBatch> {
        if self.states.num_rows() == self.places.len()
            && (0..).zip(&self.places).all(|(at, place)| at == *place)
        {
            return Ok(self.states);
        }
        let mut next = number(self.states.num_rows())?;
        let places = self.places.iter().map(|place| match *place {
            NONE => {
                next += 1;
                next - 1
            }
            place => place,
        });
        let places = UInt32Array::from_iter_values(places);
        let states = concat_batches(self.states.schema_ref(), [&self.states, empty])?;
        Ok(take_record_batch(&states, &places)?)
    }
}

/// About how many bytes a row has.
fn average(rows: &RecordBatch) -> usize {
    let columns = rows.columns().iter();
    let bytes: usize = columns
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or_default())
        .sum();
    bytes.div_ceil(rows.num_rows().max(1))
}

fn numbers(count: usize) -> Result<Vec<u32>> {
    Ok((0..number(count)?).collect())
}

fn number(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|error| Error::internal("too many groups").because(error))
}
