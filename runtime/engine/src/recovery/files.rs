//! The files of a state, or of a source's positions: what epochs add to them, and their
//! merges, beside the run.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use azud_connect::fault_point;
use azud_model::{Error, Result};
use azud_state::{Checkpoint, StateFile, due};
use tokio::task::{JoinHandle, JoinSet};

use crate::run::Retry;

/// So many files of a state are worth waiting for their merge.
const MANY: usize = 16;

/// The files that make up a state.
pub(super) struct Files {
    /// What they are named after.
    name: String,
    schema: SchemaRef,
    merges: Merges,
    all: Vec<StateFile>,
    /// Which of the files are being merged into one.
    merging: Option<(Range<usize>, JoinHandle<Result<StateFile>>)>,
}

/// How files become one.
#[derive(Clone, Copy)]
pub(super) enum Merges {
    /// Of rows with the same key, in so many columns, the last one is kept.
    Rows { keys: usize },
    /// The same of partitions, but for those that are gone.
    Positions,
}

/// Files that are written at once; the number is whatever the caller calls them.
pub(super) type Writes = JoinSet<Result<(usize, StateFile)>>;

// === impl Files ===

impl Files {
    pub(super) fn new(
        name: String,
        schema: SchemaRef,
        merges: Merges,
        all: Vec<StateFile>,
    ) -> Self {
        Self {
            name,
            schema,
            merges,
            all,
            merging: None,
        }
    }

    /// Oldest first.
    pub(super) fn all(&self) -> &[StateFile] {
        &self.all
    }

    /// The newest.
    pub(super) fn add(&mut self, file: StateFile) {
        self.all.push(file);
    }

    /// Begins to write what an epoch has changed; a full disk is waited for.
    pub(super) fn write(
        &self,
        checkpoint: &Arc<Checkpoint>,
        epoch: u64,
        number: usize,
        rows: Vec<RecordBatch>,
        writes: &mut Writes,
    ) {
        let checkpoint = checkpoint.clone();
        let (schema, name) = (self.schema.clone(), self.name.clone());
        writes.spawn(async move {
            let mut retry = Retry::new("the checkpoint");
            loop {
                let (schema, rows) = (schema.clone(), rows.clone());
                match checkpoint.write_state(epoch, &name, schema, rows).await {
                    Ok(file) => return Ok((number, file)),
                    Err(error) => retry.after(error).await?,
                }
            }
        });
    }

    /// Files that were merged meanwhile are replaced by the one that they became.
    /// A run that ends waits where there are too many: short runs would never merge any.
    pub(super) async fn adopt_merged(&mut self, is_last: bool) {
        let waits = is_last && self.all.len() > MANY;
        let done = |merging: &mut (Range<usize>, JoinHandle<_>)| waits || merging.1.is_finished();
        let Some((range, merged)) = self.merging.take_if(done) else {
            return;
        };
        match merged.await {
            Ok(Ok(file)) => {
                fault_point("after-merge");
                self.all.splice(range, [file]);
            }
            Ok(Err(error)) => tracing::warn!("files of state were not merged: {error}"),
            Err(error) => tracing::warn!("files of state were not merged: {error}"),
        }
    }

    /// Begins to merge files where that is worth it, beside everything else.
    pub(super) fn merge(&mut self, checkpoint: &Arc<Checkpoint>, epoch: u64) {
        if self.merging.is_some() {
            return;
        }
        let Some(range) = due(&self.all) else {
            return;
        };
        let files = self.all.get(range.clone()).unwrap_or_default().to_vec();
        let (checkpoint, name) = (checkpoint.clone(), self.name.clone());
        let (merges, older) = (self.merges, range.start > 0);
        let task = tokio::spawn(async move {
            fault_point("in-merge");
            match merges {
                Merges::Rows { keys } => checkpoint.merge(epoch, &name, &files, keys).await,
                Merges::Positions => {
                    let merged = checkpoint.merge_positions(epoch, &name, &files, older);
                    merged.await
                }
            }
        });
        self.merging = Some((range, task));
    }
}

/// What was written, once all is.
pub(super) async fn written(mut writes: Writes) -> Result<Vec<(usize, StateFile)>> {
    let mut files = Vec::with_capacity(writes.len());
    while let Some(done) = writes.join_next().await {
        let done = done.map_err(|error| Error::internal("writing state").because(error))?;
        files.push(done?);
    }
    Ok(files)
}
