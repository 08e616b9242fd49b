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
    Rows {
        keys: usize,
        /// Rows whose first key is a time before this are forgotten.
        forgotten_below: Option<i64>,
    },
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

    /// Of rows, those whose first key is a time before this are forgotten; with `i64::MAX` all
    /// there are, and those that come later are not.
    pub(super) fn forget(&mut self, before: Option<i64>) {
        if before == Some(i64::MAX) {
            self.all.clear();
            self.merging = None;
            return;
        }
        if let Merges::Rows {
            forgotten_below, ..
        } = &mut self.merges
        {
            *forgotten_below = before.max(*forgotten_below);
        }
    }

    /// Before which time rows are forgotten.
    pub(super) fn forgotten_below(&self) -> Option<i64> {
        match self.merges {
            Merges::Rows {
                forgotten_below, ..
            } => forgotten_below,
            Merges::Positions => None,
        }
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
        if self.merging.is_some() || self.has_merged_of(epoch) {
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
                Merges::Rows {
                    keys,
                    forgotten_below,
                } => {
                    let merged =
                        checkpoint.merge(epoch, &name, &files, keys, forgotten_below, older);
                    merged.await
                }
                Merges::Positions => {
                    let merged = checkpoint.merge_positions(epoch, &name, &files, older);
                    merged.await
                }
            }
        });
        self.merging = Some((range, task));
    }

    /// Waits for a merge that is under way, which the next attempt will do again.
    pub(super) async fn close(&mut self) {
        if let Some((_, merging)) = self.merging.take() {
            let _ = merging.await;
        }
    }

    /// Whether there is a merged file of an epoch: another one would have its name, and what a
    /// record names is never changed. A run that starts merges before its first epoch, and
    /// again after it.
    fn has_merged_of(&self, epoch: u64) -> bool {
        let (start, end) = (
            format!("state/{epoch:020}-"),
            format!("-{}-merged.arrow", self.name),
        );
        let mut all = self.all.iter();
        all.any(|file| file.name.starts_with(&start) && file.name.ends_with(&end))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azud_connect::LocalDisk;
    use azud_state::{LocalStorage, Positions};

    use super::*;

    async fn add(files: &mut Files, checkpoint: &Arc<Checkpoint>, epoch: u64, rows: u64) {
        let mut positions = Positions::default();
        let names: Vec<String> = (0..rows).map(|row| format!("{epoch}/{row}")).collect();
        positions.update(names.iter().map(|name| (name.as_str(), "1")));
        let mut writes = Writes::new();
        let batch = positions.batch().unwrap();
        files.write(checkpoint, epoch, 0, vec![batch], &mut writes);
        for (_, file) in written(writes).await.unwrap() {
            files.add(file);
        }
    }

    async fn adopt(files: &mut Files) {
        while files.merging.is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            files.adopt_merged(false).await;
        }
    }

    #[tokio::test]
    async fn two_merges_of_an_epoch_do_not_write_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let storage = LocalStorage::new(Arc::new(LocalDisk), folder.path().to_owned());
        let storage = Arc::new(storage.without_locks());
        let opened = Checkpoint::open(storage, "p", 2).await.unwrap();
        let checkpoint = Arc::new(opened.checkpoint);
        let name = "in-positions".to_owned();
        let mut files = Files::new(name, Positions::schema(), Merges::Positions, Vec::new());
        // Each is much larger than the next one, but for the last.
        for (epoch, rows) in (0..).zip([16_384, 4_096, 1_024, 256, 64, 16, 4, 1, 1]) {
            add(&mut files, &checkpoint, epoch, rows).await;
        }
        files.merge(&checkpoint, 9);
        adopt(&mut files).await;
        let merged: Vec<u64> = files.all().iter().map(|file| file.rows).collect();
        assert_eq!(merged, [16_384, 4_096, 1_024, 256, 64, 16, 6]);

        // Epoch 9 is recorded with these files, and so many are worth a merge again.
        add(&mut files, &checkpoint, 9, 30).await;
        assert!(due(files.all()).is_some());
        let recorded = files.all().to_vec();
        files.merge(&checkpoint, 9);
        adopt(&mut files).await;
        for file in &recorded {
            checkpoint.read_state(file).await.unwrap();
        }
        files.merge(&checkpoint, 10);
        adopt(&mut files).await;
        for file in files.all().iter().chain(&recorded) {
            checkpoint.read_state(file).await.unwrap();
        }
        assert_eq!(files.all().len(), 5);
    }
}
