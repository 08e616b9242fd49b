//! A table as a join wants it: its rows by their keys, made once for all lanes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::array::{ArrayRef, RecordBatch};
use azud_model::{Batch, Result};

use super::lookup::Lookup;
use super::plan::JoinPlan;
use super::side::{NONE, Row, Side};
use super::table::{StaticRows, TableVersion};
use crate::{Chain, Collector, Operator, Stage};

/// The side of a join that is a table; its lanes share it.
pub struct StaticSide {
    plan: Arc<JoinPlan>,
    side: usize,
    table: Arc<dyn StaticRows>,
    stages: Arc<[Arc<dyn Stage>]>,
    known: Mutex<Known>,
}

/// The newest version, and the last one before it that a lane may still be at.
#[derive(Default)]
struct Known {
    newest: Option<Arc<Index>>,
    older: Weak<Index>,
}

/// The rows of a version, by their keys.
pub(super) struct Index {
    version: u64,
    lookup: Lookup,
    pub(super) rows: Side,
}

/// What becomes of a table's rows on their way into the index.
struct Gather<'a> {
    rows: Vec<RecordBatch>,
    out: &'a mut dyn Collector,
}

// === impl StaticSide ===

impl StaticSide {
    /// Side number `side` of a join: what `stages` make of the rows of a table.
    pub fn new(
        plan: Arc<JoinPlan>,
        side: usize,
        table: Arc<dyn StaticRows>,
        stages: Arc<[Arc<dyn Stage>]>,
    ) -> Self {
        Self {
            plan,
            side,
            table,
            stages,
            known: Mutex::default(),
        }
    }

    /// The rows that count in an epoch. Those that the stages cannot process are rejected by
    /// whoever asks first.
    pub(super) fn of_epoch(&self, epoch: u64, out: &mut dyn Collector) -> Result<Arc<Index>> {
        let version = self.table.of_epoch(epoch)?;
        // Whoever comes second waits for the first, who makes it.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let older = known.older.upgrade();
        let mut both = known.newest.iter().chain(older.iter());
        if let Some(found) = both.find(|index| index.version == version.number) {
            return Ok(found.clone());
        }
        let index = Arc::new(self.index(&version, out)?);
        let newest = known.newest.as_ref().map(|newest| newest.version);
        if newest.is_none_or(|newest| newest < version.number) {
            let before = known.newest.replace(index.clone());
            known.older = before.as_ref().map_or_else(Weak::new, Arc::downgrade);
        } else {
            // A lane that is behind the others.
            known.older = Arc::downgrade(&index);
        }
        Ok(index)
    }

    fn index(&self, version: &TableVersion, out: &mut dyn Collector) -> Result<Index> {
        let schema = self.plan.side(self.side).schema.clone();
        let mut lookup = Lookup::new(&self.plan)?;
        let mut side = Side::new(schema);
        let mut chain = Chain::new(self.stages.clone(), true).whole();
        let mut gather = Gather {
            rows: Vec::new(),
            out,
        };
        for rows in version.rows.iter() {
            chain.process(0, rows.clone(), &mut gather)?;
            for rows in gather.rows.drain(..) {
                let numbers = lookup.add(rows.columns())?;
                let known = numbers.into_iter();
                let known = known.map(|key| Row::new(key.unwrap_or(NONE), i64::MAX, 0, false));
                let known: Vec<Row> = known.collect();
                side.add(rows, &known)?;
            }
        }
        Ok(Index {
            version: version.number,
            lookup,
            rows: side,
        })
    }
}

impl fmt::Debug for StaticSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticSide")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

// === impl Index ===

impl Index {
    /// The number of each row's key; `None` where no row of the table has it.
    pub(super) fn find(&self, columns: &[ArrayRef]) -> Result<Vec<Option<u32>>> {
        self.lookup.find(columns)
    }
}

impl Collector for Gather<'_> {
    fn emit(&mut self, _port: usize, batch: Batch) -> Result<()> {
        self.rows.push(batch.columns().clone());
        Ok(())
    }

    fn late(&mut self, _rows: Batch) -> Result<()> {
        Ok(())
    }

    fn reject(&mut self, batch: &Batch, row: usize, reason: String) -> Result<()> {
        self.out.reject(batch, row, reason)
    }
}
