//! Where records come from.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_model::{Position, Result};

use crate::{Group, Lag, OpenPartitions, Records, Replay};

/// One source of a pipeline.
#[async_trait]
pub trait Source: Send + Sync {
    /// The columns of a source that makes typed columns itself, in
    /// [`Records::metadata`]; `None` where a format decodes its payload.
    fn schema(&self) -> Option<SchemaRef> {
        None
    }

    /// Looks at what can be seen before a run, without waiting for another
    /// system: whether files are there. Called by `azud check` and before `open`.
    ///
    /// # Errors
    /// `Invalid` if `open` would fail for good.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Where it waits for what comes later, in the words of [`crate::Sink::target`]:
    /// a sink of the same pipeline that writes there is refused, because it would
    /// never end. `None` where that cannot be.
    fn watches(&self) -> Option<String> {
        None
    }

    /// Whether it can be asked again for what it gave. Asked once.
    fn replay(&self) -> Replay {
        Replay::Positions
    }

    /// Its membership in a group whose members share its partitions; `None` where it reads alone.
    /// Its positions are committed by the pipeline's sink then, and `open` goes on at those that are
    /// committed, whatever `resume` holds. Asked once.
    fn group(&self) -> Option<Group> {
        None
    }

    /// A word for all that it would give if it were read from its beginning now, another one
    /// once that has changed: of files their names, sizes and times. Called once an epoch of a
    /// source that is a table, and to learn whether it can be one: it should cost little.
    /// `None` where there is no such word.
    ///
    /// # Errors
    /// `Unavailable` if what it reads is away. Anything else stops the pipeline.
    fn version(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Opens the source's readers: at least one, at most one a lane. Called
    /// once, before the first epoch; of a table whenever it has changed. Reader i feeds lane i, so a partition's
    /// order is kept where the source keeps a partition in one reader.
    ///
    /// `resume` holds the positions of the last recorded epoch; empty at a
    /// first start.
    ///
    /// # Errors
    /// `Invalid` if it can never open (a folder that does not exist).
    /// `Unavailable` is tried again.
    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>>;

    /// An epoch that ends at these positions of this source is recorded and
    /// committed: nothing before them will be asked for again. Called after
    /// every commit, in order; without a checkpoint nothing is recorded, and they are only told.
    ///
    /// # Errors
    /// Are logged: it is called again, with later positions, after the next epoch.
    async fn committed(&self, positions: &[Position]) -> Result<()> {
        let _ = positions;
        Ok(())
    }
}

/// Reads some partitions of a source. One task owns it; calls never overlap.
#[async_trait]
pub trait SourceReader: Send {
    /// Called before the first `next` of every epoch: a share of an epoch
    /// (`max_files`, `max_rows`, `max_bytes`) starts anew.
    fn start_epoch(&mut self) {}

    /// The next records; waits where there are none yet. Called again and
    /// again, unless lanes are busy: not being called is the back-pressure, so
    /// at most a few chunks may be read ahead.
    ///
    /// Must be safe to cancel: the future is dropped at the end of an epoch,
    /// and no record may be lost or given twice by that.
    ///
    /// # Errors
    /// `Unavailable`: called again after a pause, as often as it takes.
    /// Anything else stops the pipeline.
    async fn next(&mut self) -> Result<Read>;

    /// All that `next` gave so far is safe: in the journal, or, without one,
    /// committed. A protocol with acknowledgements sends them here. Called now
    /// and then, with no other call under way.
    ///
    /// # Errors
    /// As `next`.
    async fn acknowledge(&mut self) -> Result<()> {
        Ok(())
    }

    /// Where it says which partitions may give more; with trigger `continuous` event time comes
    /// only as far as that of the slowest of them. `None` where it does not know: then every
    /// partition counts that has given a record. Called once, before the first `next`.
    fn open_partitions(&self) -> Option<Arc<dyn OpenPartitions>> {
        None
    }

    /// Where it says how many records it has not given yet, of those that there are. `None` where
    /// it cannot know. Called once, before the first `next`.
    fn lag(&self) -> Option<Arc<dyn Lag>> {
        None
    }

    /// For every partition that a later `open` would else begin elsewhere, the
    /// place after the last record that `next` gave: of one that has given
    /// nothing yet, where it began. Called at the end of an epoch.
    fn positions(&self) -> Vec<Position>;
}

/// What [`SourceReader::next`] brought.
#[derive(Debug)]
pub enum Read {
    /// At least one record.
    Records(Records),
    /// This epoch's share is used up: not called again until `start_epoch`.
    EpochFull,
    /// There will never be another record: not called again.
    End,
}
