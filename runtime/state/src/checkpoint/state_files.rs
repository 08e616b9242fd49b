//! The files of states and of positions: written, read, merged.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use azud_model::{Error, Result};
use bytes::Bytes;

use super::Checkpoint;
use crate::rows::describe;
use crate::{Record, StateFile, Storage, compact, decode, encode, positions};

// === impl Checkpoint ===

impl Checkpoint {
    /// Writes what an epoch has changed in a state.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn write_state(
        &self,
        epoch: u64,
        state: &str,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<StateFile> {
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        let bytes = blocking(move || encode(&schema, &batches)).await?;
        self.put_state(epoch, state, rows, bytes).await
    }

    /// Merges files of a state, oldest first, into one. What was removed is dropped where there
    /// is no `older` file.
    ///
    /// # Errors
    /// Those of the storage; `Invalid` if a file is damaged or gone.
    pub async fn merge(
        &self,
        epoch: u64,
        state: &str,
        files: &[StateFile],
        keys: usize,
        forgotten_below: Option<i64>,
        older: bool,
    ) -> Result<StateFile> {
        let read = self.read_all(files).await?;
        let merged = blocking(move || compact(&read, keys, forgotten_below, older));
        let (bytes, rows) = merged.await?;
        self.put_state(epoch, &format!("{state}-merged"), rows, bytes)
            .await
    }

    /// Merges files of positions, oldest first, into one; without partitions that are gone
    /// where there is no `older` file.
    ///
    /// # Errors
    /// As [`Checkpoint::merge`].
    pub async fn merge_positions(
        &self,
        epoch: u64,
        state: &str,
        files: &[StateFile],
        older: bool,
    ) -> Result<StateFile> {
        let read = self.read_all(files).await?;
        let (bytes, rows) = blocking(move || positions::merge(&read, !older)).await?;
        self.put_state(epoch, &format!("{state}-merged"), rows, bytes)
            .await
    }

    async fn read_all(&self, files: &[StateFile]) -> Result<Vec<Vec<RecordBatch>>> {
        let mut read = Vec::with_capacity(files.len());
        for file in files {
            read.push(self.read_state(file).await?);
        }
        Ok(read)
    }

    /// The rows of a file of a state.
    ///
    /// # Errors
    /// Those of the storage; `Invalid` if it is damaged or gone.
    pub async fn read_state(&self, file: &StateFile) -> Result<Vec<RecordBatch>> {
        read_state(self.storage.as_ref(), file).await
    }

    pub(super) async fn put_state(
        &self,
        epoch: u64,
        state: &str,
        rows: u64,
        bytes: Vec<u8>,
    ) -> Result<StateFile> {
        // With the generation: an owner that has lost the checkpoint overwrites nothing.
        let generation = self.generation();
        let name = format!("state/{epoch:020}-{generation}-{state}.arrow");
        let file = describe(name, rows, &bytes);
        self.storage.put(&file.name, Bytes::from(bytes)).await?;
        Ok(file)
    }
}

/// A file that is missing is told before anything runs.
///
/// # Errors
/// Those of the storage; `Invalid` if a record names a file that is gone.
pub(crate) async fn check_files(storage: &dyn Storage, record: &Record) -> Result<()> {
    let listed = storage.list("state").await?;
    for name in state_files(record) {
        let there = |file: &crate::Listed| name.strip_prefix("state/") == Some(&file.name);
        if !listed.iter().any(there) {
            return Err(Error::invalid(format!(
                "the state file `{}` is gone, and epoch {} needs it: restore it from a copy of \
                 the checkpoint",
                storage.place(name),
                record.epoch
            )));
        }
    }
    Ok(())
}

/// Whether a checkpoint names files so: `<20 digits>-<owner>-<state>.arrow`.
pub(super) fn is_own(name: &str) -> bool {
    let (epoch, rest) = name.split_once('-').unwrap_or_default();
    epoch.len() == 20 && epoch.parse::<u64>().is_ok() && rest.ends_with(".arrow")
}

/// The rows of a file of a state, for whoever owns nothing.
///
/// # Errors
/// Those of the storage; `Invalid` if it is damaged or gone.
pub(crate) async fn read_state(
    storage: &dyn Storage,
    file: &StateFile,
) -> Result<Vec<RecordBatch>> {
    let place = storage.place(&file.name);
    let bytes = storage.get(&file.name).await?.ok_or_else(|| {
        Error::invalid(format!(
            "the state file `{place}` is gone: restore it from a copy of the checkpoint"
        ))
    })?;
    let file = file.clone();
    blocking(move || decode(&file, &place, &bytes)).await
}

/// The generation in the name of a file of state: `<epoch>-<generation>-...`.
pub(super) fn generation(name: &str) -> u64 {
    let generation = name.split('-').nth(1);
    generation.map_or(0, |digits| digits.parse().unwrap_or(0))
}

/// The files that a record names.
pub(super) fn state_files(record: &Record) -> impl Iterator<Item = &str> {
    let files = record.states.iter().flat_map(|state| &state.files);
    let positions = record.sources.iter().flat_map(|source| &source.files);
    files.chain(positions).map(|file| file.name.as_str())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("the checkpoint").because(error))?
}
