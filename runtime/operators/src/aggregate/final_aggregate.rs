//! The second step of an aggregate: merges what lanes counted into what earlier epochs left.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use azud_model::{Batch, Epoch, Mode, Result};

use super::groups::{Groups, Put};
use super::{Aggregate, Former, state};
use crate::{Collector, Held, MAX_ROWS, Operator, StateShape};

/// Merges rows of states by group and, at the end of an epoch, emits results:
/// on port `i` what mode `i` asks for. Groups come in the order in which they
/// were first seen: in the epoch, or, in complete mode, ever.
///
/// An aggregate without keys has one group, which exists from the first epoch
/// on, with or without rows.
pub struct FinalAggregate {
    modes: Vec<Mode>,
    memory: Memory,
    groups: Groups,
    /// What the epoch has put.
    changed: Option<Put>,
    /// What was converted, until it is recorded.
    converted: Vec<Put>,
}

/// What a [`FinalAggregate`] remembers from one epoch to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    /// All groups.
    Kept,
    /// Nothing: the manifest's `state: batch`.
    Cleared,
}

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
            groups: Groups::new(aggregate)?,
            changed: None,
            converted: Vec::new(),
        })
    }

    /// Emits the results of rows of states on the ports of these modes.
    fn emit(&self, rows: &RecordBatch, modes: &[Mode], out: &mut dyn Collector) -> Result<()> {
        self.groups.results(rows, |results| {
            let results = Batch::without_origin(results);
            for (port, mode) in self.modes.iter().enumerate() {
                if modes.contains(mode) {
                    out.emit(port, results.clone())?;
                }
            }
            Ok(())
        })
    }

    fn emit_all(&self, out: &mut dyn Collector) -> Result<()> {
        let groups: Vec<usize> = (0..self.groups.len()).collect();
        for groups in groups.chunks(MAX_ROWS) {
            self.emit(&self.groups.gather(groups)?, &[Mode::Complete], out)?;
        }
        Ok(())
    }

    fn finish_epoch(&mut self, out: &mut dyn Collector) -> Result<()> {
        self.changed = None;
        self.groups.touch_only_group()?;
        if self.groups.is_touched() {
            let put = self.groups.finish_epoch()?;
            if self.memory == Memory::Cleared {
                self.groups.clear()?;
                let modes = [Mode::Append, Mode::Update, Mode::Complete];
                return self.emit(&put.rows, &modes, out);
            }
            self.emit(&put.rows, &[Mode::Append, Mode::Update], out)?;
            self.changed = Some(put.clone());
            self.groups.keep(put)?;
        }
        if self.memory == Memory::Kept && self.modes.contains(&Mode::Complete) {
            self.emit_all(out)?;
        }
        Ok(())
    }
}

impl Operator for FinalAggregate {
    fn process(&mut self, _input: usize, batch: Batch, _out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        self.groups.merge(batch.columns())
    }

    fn end_epoch(&mut self, epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.finish_epoch(out)?;
        self.groups.end_epoch(epoch.number)
    }

    fn state(&self) -> Option<StateShape> {
        (self.memory == Memory::Kept).then(|| state::shape(self.groups.aggregate()))
    }

    fn held(&self) -> Vec<Held> {
        vec![Held::for_ever("groups", self.groups.len())]
    }

    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        // What the epoch has put is newer.
        let mut changed = std::mem::take(&mut self.converted);
        changed.extend(self.changed.take());
        self.groups.all_changes(&changed)
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        for rows in state::latest(self.groups.aggregate(), rows)? {
            self.groups.put(rows)?;
        }
        Ok(())
    }

    fn formers(&self) -> Vec<StateShape> {
        match self.memory {
            Memory::Kept => state::former_shapes(self.groups.aggregate()),
            Memory::Cleared => Vec::new(),
        }
    }

    fn convert(&mut self, former: usize, rows: &[RecordBatch]) -> Result<()> {
        let mut former = Former::of(self.groups.aggregate(), former)?;
        for rows in state::latest(former.aggregate(), rows)? {
            let put = self.groups.adopt(former.convert(&rows)?)?;
            self.converted.push(put);
        }
        Ok(())
    }
}
