//! What every operator is: a state machine that batches and epoch ends drive.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use azud_model::{Batch, Epoch, Error, Result, Watermark};

use crate::Held;

/// One step of a lane. A lane's thread owns it; calls never overlap, and no
/// call may block: an operator computes, and hands on what it made. (A join with a table
/// waits for that table, once an epoch.)
pub trait Operator: Send {
    /// Takes one batch from input number `input`.
    ///
    /// A row that cannot be processed is no error: it goes to
    /// [`Collector::reject`], and the others go on.
    ///
    /// # Errors
    /// Stop the pipeline.
    fn process(&mut self, input: usize, batch: Batch, out: &mut dyn Collector) -> Result<()>;

    /// How long it may hold back rows that it has, if it holds any: it is woken
    /// then. Asked after every call of `process`.
    fn wake_in(&self) -> Option<Duration> {
        None
    }

    /// The time of [`Operator::wake_in`] is over.
    ///
    /// # Errors
    /// As `process`.
    fn wake(&mut self, out: &mut dyn Collector) -> Result<()> {
        let _ = out;
        Ok(())
    }

    /// Event time has come so far, for all of its inputs together. Called before the first
    /// batch of a run that goes on after another, and whenever it has moved, between batches:
    /// at the latest right before [`Operator::end_epoch`]. It never goes back. Operators that
    /// close windows emit their results here.
    ///
    /// # Errors
    /// As `process`.
    fn watermark(&mut self, watermark: Watermark, out: &mut dyn Collector) -> Result<()> {
        let _ = (watermark, out);
        Ok(())
    }

    /// Every batch of the epoch has come: stateful operators emit their
    /// results here. Called once an epoch, also when no batch came.
    ///
    /// # Errors
    /// As `process`.
    fn end_epoch(&mut self, epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        let _ = (epoch, out);
        Ok(())
    }

    /// When it wants an epoch to end, also if no row comes by then: milliseconds since 1970,
    /// `None` where it waits for rows only. Asked after [`Operator::end_epoch`], and before the
    /// first batch.
    fn wants_epoch_at(&self) -> Option<i64> {
        None
    }

    /// What it keeps from one epoch to the next; `None` where it keeps nothing.
    fn state(&self) -> Option<StateShape> {
        None
    }

    /// What it keeps now, and until which watermark; empty where it does not know. Asked of one
    /// that was given all rows of state and the watermark, and is not run.
    fn held(&self) -> Vec<Held> {
        Vec::new()
    }

    /// The rows of state that the epoch has put, new ones and those that replace a row
    /// with the same key. Called after [`Operator::end_epoch`], only in a pipeline with a
    /// checkpoint; all rows that were ever handed over make up the state.
    ///
    /// # Errors
    /// Stop the pipeline.
    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        Ok(None)
    }

    /// What it has forgotten: rows of state whose first key, a timestamp in microseconds, is
    /// before this. `None` where nothing is forgotten, `i64::MAX` where all is that was ever put:
    /// what [`Operator::take_changes`] has just given is then all there is. Asked after it.
    fn forgotten_below(&self) -> Option<i64> {
        None
    }

    /// Goes on with rows of state, oldest first: of rows with the same key the last
    /// counts. Called once, before anything else.
    ///
    /// # Errors
    /// `Internal` if they do not have the columns of [`Operator::state`].
    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        match rows.iter().all(|rows| rows.num_rows() == 0) {
            true => Ok(()),
            false => Err(Error::internal("an operator without state was given some")),
        }
    }

    /// What earlier versions of it kept, as far as it can convert that: [`Operator::convert`]
    /// goes by these numbers.
    fn formers(&self) -> Vec<StateShape> {
        Vec::new()
    }

    /// Goes on with rows of state that an earlier version has left, in the place of
    /// [`Operator::restore`]. All that it keeps then is of the first epoch's changes.
    ///
    /// # Errors
    /// `Plugin` where they cannot be converted: nothing is lost, whoever kept them goes on.
    fn convert(&mut self, former: usize, rows: &[RecordBatch]) -> Result<()> {
        let _ = (former, rows);
        Err(Error::internal("an operator was given another one's state"))
    }
}

/// What an operator keeps, as rows of a key and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateShape {
    /// `_key_group`, `_order` (when the key was first seen), the key, the rest.
    pub schema: SchemaRef,
    /// How many columns the key has.
    pub keys: usize,
    /// What is computed, in words: states of other words do not fit.
    pub computes: String,
}

/// Where an operator puts what it made.
pub trait Collector {
    /// Hands rows on through an output port. Only a stateful operator has more
    /// ports than 0: one for each mode that sinks below it use.
    ///
    /// # Errors
    /// Those of the operators below: return them.
    fn emit(&mut self, port: usize, batch: Batch) -> Result<()>;

    /// These rows have come after what they belong to was closed.
    ///
    /// # Errors
    /// Those of the operators that read late rows: return them.
    fn late(&mut self, rows: Batch) -> Result<()>;

    /// Row `row` of `batch` can never be processed.
    ///
    /// # Errors
    /// `Data`, if nobody reads the node's rejected rows: return it.
    fn reject(&mut self, batch: &Batch, row: usize, reason: String) -> Result<()>;

    /// The same by a plugin that a step of the node calls: its digest.
    ///
    /// # Errors
    /// As [`Collector::reject`].
    fn reject_by(&mut self, batch: &Batch, row: usize, reason: String, plugin: &str) -> Result<()> {
        let _ = plugin;
        self.reject(batch, row, reason)
    }
}
