//! Looks into a checkpoint that somebody else may own, and changes nothing.

use std::sync::Arc;

use arrow::array::RecordBatch;
use azud_model::{Error, Result};

use crate::checkpoint::{check_files, read_state};
use crate::compact::says_removed;
use crate::identity::IDENTITY;
use crate::rows::describe;
use crate::{EpochLog, Record, StateRecord, Storage, compact, decode, whole};

/// `_key_group`, `_order`: of no interest to people.
const HIDDEN: usize = 2;

/// A checkpoint, to be read.
#[derive(Debug)]
pub struct View {
    storage: Arc<dyn Storage>,
    log: EpochLog,
}

// === impl View ===

impl View {
    /// What is there.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            log: EpochLog::new(storage.clone()),
            storage,
        }
    }

    /// The records that are kept, oldest first.
    ///
    /// # Errors
    /// `Invalid` if there are none, or one cannot be read.
    pub async fn records(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for epoch in self.log.epochs().await? {
            match self.log.read(epoch).await {
                Ok(record) => records.push(record),
                // Whoever owns it may have removed it meanwhile; or it is damaged.
                Err(error) => tracing::warn!("{error}"),
            }
        }
        match records.is_empty() {
            true => Err(self.nothing().await),
            false => Ok(records),
        }
    }

    /// The record of an epoch, or the newest.
    ///
    /// # Errors
    /// `Invalid` if it is not there; the text names those that are.
    pub async fn record(&self, epoch: Option<u64>) -> Result<Record> {
        let epochs = self.log.epochs().await?;
        let (Some(first), Some(last)) = (epochs.first(), epochs.last()) else {
            return Err(self.nothing().await);
        };
        let wanted = epoch.unwrap_or(*last);
        if !epochs.contains(&wanted) {
            return Err(Error::invalid(format!(
                "epoch {wanted} is not kept: there are {first} to {last}"
            )));
        }
        self.log.read(wanted).await
    }

    /// Whether no epoch is recorded yet.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.log.epochs().await?.is_empty())
    }

    /// The record that a run would go on with: the newest that can be read. Warns of others.
    ///
    /// # Errors
    /// `Invalid` if there is none, or a file of state that it needs is gone.
    pub async fn last(&self) -> Result<Record> {
        let mut records = self.records().await?;
        match records.pop() {
            Some(last) => {
                check_files(self.storage.as_ref(), &last).await?;
                Ok(last)
            }
            None => Err(self.nothing().await),
        }
    }

    /// Why there is no epoch.
    async fn nothing(&self) -> Error {
        let place = self.storage.place("");
        match self.storage.get(IDENTITY).await {
            Ok(Some(_)) => Error::invalid(format!("there is no epoch in `{place}` yet")),
            Ok(None) => Error::invalid(format!(
                "`{place}` is no checkpoint: it has no `{IDENTITY}`"
            )),
            Err(error) => error,
        }
    }

    /// As [`View::records`], each with all positions in it, whatever files they are in.
    ///
    /// # Errors
    /// `Invalid` if there are none, or none can be read.
    pub async fn whole_records(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let mut failed = None;
        for record in self.records().await? {
            match self.whole(&record).await {
                Ok(record) => records.push(record),
                // As above.
                Err(error) => {
                    tracing::warn!("{error}");
                    failed = Some(error);
                }
            }
        }
        match failed.filter(|_| records.is_empty()) {
            Some(error) => Err(error),
            None => Ok(records),
        }
    }

    /// The same record with all positions in it, whatever files they are in.
    ///
    /// # Errors
    /// `Invalid` if a file is damaged, or was removed meanwhile: look again.
    pub async fn whole(&self, record: &Record) -> Result<Record> {
        whole(self.storage.as_ref(), record).await
    }

    /// The rows of a state: one a key, without what only the runtime needs.
    ///
    /// # Errors
    /// `Invalid` if a file is damaged, or was removed meanwhile: look again.
    pub async fn rows(&self, state: &StateRecord) -> Result<Option<RecordBatch>> {
        let batches = self.state(state).await?;
        let Some(schema) = batches.first().map(RecordBatch::schema) else {
            return Ok(None);
        };
        let all = arrow::compute::concat_batches(&schema, &batches)?;
        let columns = (HIDDEN..schema.fields().len())
            .filter(|column| says_removed(&schema, state.shape.keys) != Some(*column))
            .collect::<Vec<_>>();
        Ok(Some(all.project(&columns)?))
    }

    /// The rows of a state, one a key, as a run goes on with them.
    ///
    /// # Errors
    /// As [`View::rows`].
    pub async fn state(&self, state: &StateRecord) -> Result<Vec<RecordBatch>> {
        let mut files = Vec::with_capacity(state.files.len());
        for file in &state.files {
            files.push(read_state(self.storage.as_ref(), file).await?);
        }
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let (bytes, rows) = compact(&files, state.shape.keys, state.forgotten_below, false)?;
        drop(files);
        decode(&describe(String::new(), rows, &bytes), "memory", &bytes)
    }
}
