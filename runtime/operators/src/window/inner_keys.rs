//! The keys of groups beside their pane, numbered once: panes are merged by number, not by key.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use arrow::record_batch::RecordBatch;
use azud_model::{Error, Result};

use crate::aggregate::{Aggregate, GroupKeys, canonical, failed};

/// A number for each set of keys without the pane, from 0 on.
pub(super) struct InnerKeys {
    numbers: GroupKeys,
    /// The keys by number, in pieces.
    pieces: Vec<Vec<ArrayRef>>,
    known: usize,
    /// The number of each group's keys.
    of_group: Vec<u32>,
}

// === impl InnerKeys ===

impl InnerKeys {
    pub(super) fn new(aggregate: &Aggregate) -> Result<Self> {
        Ok(Self {
            numbers: aggregate.inner_keys().map_err(failed)?,
            pieces: Vec::new(),
            known: 0,
            of_group: Vec::new(),
        })
    }

    /// Notes the keys of groups; `rows` begin with the pane and the keys.
    pub(super) fn add(&mut self, keys: usize, rows: &RecordBatch, groups: &[usize]) -> Result<()> {
        let inner = rows.columns().get(1..keys).unwrap_or_default();
        let mut numbers = Vec::new();
        let numbered = self.numbers.number(inner, rows.num_rows(), &mut numbers);
        numbered.map_err(failed)?;
        let mut new = Vec::new();
        for (row, (number, group)) in (0_u32..).zip(numbers.iter().zip(groups)) {
            if self.of_group.len() <= *group {
                self.of_group.resize(group + 1, u32::MAX);
            }
            if let Some(own) = self.of_group.get_mut(*group) {
                *own = u32::try_from(*number)
                    .map_err(|error| Error::internal("too many keys").because(error))?;
            }
            if *number == self.known {
                self.known += 1;
                new.push(row);
            }
        }
        if !new.is_empty() {
            let new = UInt32Array::from(new);
            let piece = inner.iter().map(|key| take(&canonical(key), &new, None));
            self.pieces.push(piece.collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.known
    }

    /// The number of a group's keys.
    pub(super) fn of(&self, group: usize) -> Result<u32> {
        let own = self.of_group.get(group).copied();
        own.filter(|own| (*own as usize) < self.known)
            .ok_or_else(|| Error::internal(format!("group {group} has no keys")))
    }

    /// Puts the keys into one piece: before [`InnerKeys::take`] is asked.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.pieces.len() < 2 {
            return Ok(());
        }
        let pieces = std::mem::take(&mut self.pieces);
        let columns = pieces.first().map_or(0, Vec::len);
        let columns = (0..columns).map(|column| {
            let pieces = pieces.iter().filter_map(|piece| piece.get(column));
            Ok(concat(&pieces.map(AsRef::as_ref).collect::<Vec<_>>())?)
        });
        self.pieces.push(columns.collect::<Result<_>>()?);
        Ok(())
    }

    /// The keys of these numbers.
    pub(super) fn take(&self, numbers: &[u32]) -> Result<Vec<ArrayRef>> {
        let numbers = UInt32Array::from(numbers.to_vec());
        let keys = self.pieces.iter().flatten();
        Ok(keys
            .map(|key| take(key, &numbers, None))
            .collect::<Result<_, _>>()?)
    }

    /// Starts afresh.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.numbers.take().map_err(failed)?;
        self.pieces.clear();
        self.of_group.clear();
        self.known = 0;
        Ok(())
    }
}
