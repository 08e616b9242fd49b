//! Where rows go.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_model::{Batch, Epoch, Position, Result};
use bytes::Bytes;

use crate::{Delivery, FormatOptions, Recovery, Source};

/// In which shape a sink takes rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Columns: [`Output::Rows`].
    Rows,
    /// Bytes in the node's `format`: [`Output::Encoded`].
    Encoded,
    /// Records apart from each other, each in the node's `format`: [`Output::Rows`] of a column
    /// [`VALUE`], `binary`, and of the columns that [`Sink::records`] puts beside it.
    Records,
}

/// The column of encoded records: see [`Wants::Records`].
pub const VALUE: &str = "value";

/// Which of a sink's columns are encoded into a record, and which stay beside it, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordColumns {
    /// They are encoded, in this order.
    pub encoded: Vec<usize>,
    /// They are given as they are, in this order: a record's key, its topic. None is called
    /// [`VALUE`] then but for the first, which is the record.
    pub beside: Vec<usize>,
}

/// How what a sink has written is read.
pub struct ReadBack {
    /// Gives its records, up to those that are there now.
    pub source: Arc<dyn Source>,
    /// What makes rows of them.
    pub format: FormatOptions,
}

/// Rows on their way into a sink.
#[derive(Clone, Debug)]
pub enum Output {
    /// The columns themselves.
    Rows(Batch),
    /// Rows that a lane encoded.
    Encoded {
        /// How many rows.
        rows: usize,
        /// Their bytes, one after the other, each with its line end.
        bytes: Bytes,
    },
}

/// What a writer made durable but not visible, for `commit` to find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// The lane whose writer prepared it.
    pub lane: usize,
    /// How many rows it holds.
    pub rows: u64,
    /// All that [`Sink::commit`] needs to find it, in a form that only the sink reads.
    pub token: Vec<u8>,
}

/// One sink of a pipeline: hands out writers, and commits what they prepared.
#[async_trait]
pub trait Sink: Send + Sync {
    /// In which shape it takes rows. Asked once.
    fn wants(&self) -> Wants;

    /// What it does with each column of its rows, where it wants [`Wants::Records`]. Called
    /// after `check`.
    ///
    /// # Errors
    /// `Invalid` if a column that it needs is not there, or has another type.
    fn records(&self, schema: &SchemaRef) -> Result<RecordColumns> {
        Ok(RecordColumns {
            encoded: (0..schema.fields().len()).collect(),
            beside: Vec::new(),
        })
    }

    /// Which of these records it can never write, and why: they are rejected before they belong
    /// to an epoch. Called by lanes, for every batch, where it wants [`Wants::Records`].
    ///
    /// # Errors
    /// `Internal` only.
    fn refused(&self, schema: &SchemaRef, records: &RecordBatch) -> Result<Vec<(usize, String)>> {
        let _ = (schema, records);
        Ok(Vec::new())
    }

    /// Whether it wants an epoch at each tick also when no record came, as
    /// DStream's output operations do. Asked once.
    fn wants_empty_epochs(&self) -> bool {
        false
    }

    /// Whether it wants an epoch once a second, with trigger `continuous`, also
    /// where no record came: a file that is old enough is complete then. Asked once.
    fn wants_ticks(&self) -> bool {
        false
    }

    /// Looks at what can be seen before a run, without waiting for another
    /// system and without leaving a trace: whether a folder may be written to,
    /// whether rows of that schema can be. Called by `azud check` and before a run.
    ///
    /// # Errors
    /// `Invalid` if [`Sink::writer`] would fail for good.
    fn check(&self, _schema: &SchemaRef) -> Result<()> {
        Ok(())
    }

    /// What nobody else may write to while this sink does, in words that are
    /// equal where it is the same: two sinks of a pipeline that share it are
    /// refused. `None` where several may write side by side.
    fn target(&self) -> Option<String> {
        None
    }

    /// What it has committed, to be read as records: for whoever lists dead letters, also while
    /// another process writes. Looks at nothing yet. `None` where what is written cannot be read back.
    ///
    /// # Errors
    /// `Invalid` if its place cannot be read.
    fn read_back(&self, schema: &SchemaRef) -> Result<Option<ReadBack>> {
        let _ = schema;
        Ok(None)
    }

    /// What it promises with a checkpoint. Asked once.
    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce("it cannot take back what it was given")
    }

    /// A pipeline with a checkpoint starts or comes back: called before the first
    /// writer is asked for, and without a checkpoint not at all. Where an epoch is rolled
    /// back in the running process it is called again, after `abort`, and writers are asked
    /// for anew.
    ///
    /// Rolls back what this run prepared and never recorded. Then `commit` is
    /// called with what `recovery.last` holds, whether or not it was committed.
    /// What is there must be the output of this run, up to that epoch or the one
    /// before: never skip by number alone.
    ///
    /// # Errors
    /// `Invalid` if what is there is another run's (unless `allow_reset`), or of
    /// a later epoch than the last recorded one: the state is an older copy.
    /// `Unavailable` is tried again.
    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        let _ = recovery;
        Ok(())
    }

    /// The writer of a lane. Called once a lane, before the first epoch.
    ///
    /// # Errors
    /// `Invalid` if it can never open. `Unavailable` is tried again.
    async fn writer(&self, lane: usize, schema: SchemaRef) -> Result<Box<dyn SinkWriter>>;

    /// Makes an epoch visible, once: called after the epoch was recorded, with
    /// what every writer prepared, ordered by lane. Must be idempotent: after a
    /// crash it is called again for an epoch that it may have committed.
    ///
    /// # Errors
    /// `Unavailable` is tried again; anything else stops the pipeline.
    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()>;

    /// As `commit`, of a sink that commits positions: where the source goes on after the epoch.
    ///
    /// # Errors
    /// As `commit`; after `Aborted` the epoch is rolled back and computed again.
    async fn commit_positions(
        &self,
        epoch: &Epoch,
        prepared: Vec<Prepared>,
        positions: &[Position],
    ) -> Result<()> {
        let _ = positions;
        self.commit(epoch, prepared).await
    }

    /// Rolls back whatever was written or prepared and not committed: called
    /// when a pipeline stops, or an epoch fails, before the epoch's record; nothing writes
    /// any more then.
    ///
    /// # Errors
    /// Are logged: the pipeline is already stopping, or `recover` comes next.
    async fn abort(&self) -> Result<()> {
        Ok(())
    }
}

/// Takes the rows of one lane. One task owns it; calls never overlap.
#[async_trait]
pub trait SinkWriter: Send {
    /// Takes rows. Nothing of them may be visible before the commit.
    ///
    /// # Errors
    /// `Unavailable` is tried again with the same rows; after `Aborted` the epoch is rolled
    /// back and computed again, where there is a checkpoint; anything else stops the pipeline.
    async fn write(&mut self, output: Output) -> Result<()>;

    /// Makes everything written since the last `prepare` durable but not
    /// visible. Called once an epoch, also when nothing was written.
    ///
    /// # Errors
    /// As `write`.
    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared>;
}

impl std::fmt::Debug for ReadBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadBack")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
