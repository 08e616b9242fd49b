//! A checkpoint that is open: whose it is, and everything that is written to it.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use azud_connect::LocalDisk;
use azud_model::{Error, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::owner::Owner;
use crate::rows::describe;
use crate::{EpochLog, LocalStorage, Record, StateFile, Storage, compact, decode, encode};

/// Whose a checkpoint is.
const IDENTITY: &str = "checkpoint.json";

/// The last epoch of a run that ended, once all its sinks had committed it.
const COMMITTED: &str = "committed";

/// The version of the layout of a checkpoint.
const FORMAT: u32 = 1;

/// Folders that only a checkpoint has: where they are without [`IDENTITY`], that was lost.
const FOLDERS: [&str; 2] = ["epochs", "state"];

/// Everywhere objects are written to.
const SETTLED: [&str; 5] = ["", "owners", "epochs", "state", "spool"];

/// Where a checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A local folder.
    Folder(PathBuf),
}

/// A checkpoint that one run owns.
#[derive(Debug)]
pub struct Checkpoint {
    storage: Arc<dyn Storage>,
    log: EpochLog,
    owner: Owner,
    identity: Identity,
    retain: usize,
    /// The epochs that are kept, oldest first, and the files that each one names.
    kept: Mutex<VecDeque<(u64, BTreeSet<String>)>>,
}

/// A checkpoint as it was found.
#[derive(Debug)]
pub struct Opened {
    /// The checkpoint, owned by this run.
    pub checkpoint: Checkpoint,
    /// The last epoch that happened; `None` at a first start.
    pub last: Option<Record>,
    /// What a person has to be told.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Identity {
    format: u32,
    pipeline: String,
    run: String,
}

// === impl Location ===

impl Location {
    /// A path, relative to `directory`, or a URL.
    ///
    /// # Errors
    /// `Invalid` for a URL of a store that cannot be written to.
    pub fn new(text: &str, directory: &Path) -> Result<Self> {
        match text.split_once("://") {
            Some((scheme, _)) => Err(Error::invalid(format!(
                "a checkpoint on `{scheme}://` is not possible yet: write a local path"
            ))),
            None => Ok(Self::Folder(directory.join(text))),
        }
    }

    /// The place itself.
    pub fn storage(&self) -> Arc<dyn Storage> {
        match self {
            Self::Folder(folder) => {
                Arc::new(LocalStorage::new(Arc::new(LocalDisk), folder.clone()))
            }
        }
    }

    /// The local folder, where it is one.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder,
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

// === impl Checkpoint ===

impl Checkpoint {
    /// Takes a checkpoint, or makes it; answers where the pipeline goes on.
    /// `retain` is how many records are kept, at least two.
    ///
    /// # Errors
    /// `Invalid` if another run owns it, it belongs to another pipeline, or it is damaged.
    pub async fn open(storage: Arc<dyn Storage>, pipeline: &str, retain: usize) -> Result<Opened> {
        let owner = Owner::take(storage.as_ref()).await?;
        for folder in SETTLED {
            storage.settle(folder).await?;
        }
        let identity = identity(storage.as_ref(), pipeline).await?;
        let log = EpochLog::new(storage.clone());
        let found = log.last().await?;
        let (last, warnings) = match found {
            Some(found) => (Some(found.record), found.warning.into_iter().collect()),
            None => (None, Vec::new()),
        };
        if let Some(last) = &last
            && last.run != identity.run
        {
            return Err(Error::invalid(format!(
                "`{}` is a mixture of two checkpoints: its last record is of the run {}, and \
                 `{IDENTITY}` of the run {}",
                storage.place(""),
                last.run,
                identity.run
            )));
        }
        let checkpoint = Self {
            log,
            owner,
            identity,
            retain: retain.max(2),
            kept: Mutex::default(),
            storage,
        };
        checkpoint.find_kept(last.as_ref()).await?;
        Ok(Opened {
            checkpoint,
            last,
            warnings,
        })
    }

    /// The random id of the run: the same for as long as the checkpoint is there.
    pub fn run(&self) -> &str {
        &self.identity.run
    }

    /// Which owner this process is.
    pub fn generation(&self) -> u64 {
        self.owner.generation()
    }

    /// Where it is, for a person.
    pub fn place(&self) -> String {
        self.storage.place("")
    }

    /// Where it is.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

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

    /// Merges files of a state, oldest first, into one.
    ///
    /// # Errors
    /// Those of the storage; `Invalid` if a file is damaged or gone.
    pub async fn merge(
        &self,
        epoch: u64,
        state: &str,
        files: &[StateFile],
        keys: usize,
    ) -> Result<StateFile> {
        let mut read = Vec::with_capacity(files.len());
        for file in files {
            read.push(self.read_state(file).await?);
        }
        let (bytes, rows) = blocking(move || compact(&read, keys)).await?;
        self.put_state(epoch, &format!("{state}-merged"), rows, bytes)
            .await
    }

    /// The rows of a file of a state.
    ///
    /// # Errors
    /// Those of the storage; `Invalid` if it is damaged or gone.
    pub async fn read_state(&self, file: &StateFile) -> Result<Vec<RecordBatch>> {
        read_state(self.storage.as_ref(), file).await
    }

    /// Records an epoch: once this succeeds, the epoch has happened.
    ///
    /// # Errors
    /// Those of the storage; `Invalid` if another run has taken the checkpoint.
    pub async fn record(&self, record: &Record) -> Result<()> {
        self.check_owner().await?;
        if !self.log.write(record).await? {
            return Err(Error::invalid(format!(
                "epoch {} is recorded in `{}` already, by another run: this one has stopped",
                record.epoch,
                self.place()
            )));
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((record.epoch, names(record)));
        Ok(())
    }

    /// # Errors
    /// `Invalid` if another run has taken the checkpoint: nothing may be committed any more.
    pub async fn check_owner(&self) -> Result<()> {
        self.owner.check(self.storage.as_ref()).await
    }

    /// Remembers that every sink has committed an epoch after which the run has ended:
    /// the next one may have other sinks.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn set_committed(&self, epoch: u64) -> Result<()> {
        self.storage
            .put(COMMITTED, format!("{epoch}\n").into())
            .await
    }

    /// Whether that is known of an epoch.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn is_committed(&self, epoch: u64) -> Result<bool> {
        is_committed(self.storage.as_ref(), epoch).await
    }

    /// Removes records that are older than those to keep, and files that no record names
    /// any more. Called after every commit; what a crash leaves is removed at the next start.
    ///
    /// # Errors
    /// Those of the storage: nothing that counts is lost.
    pub async fn clean(&self) -> Result<()> {
        loop {
            let (oldest, files) = {
                let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                let (Some(oldest), Some(next)) = (kept.front(), kept.get(1)) else {
                    return Ok(());
                };
                if kept.len() <= self.retain {
                    return Ok(());
                }
                let gone: Vec<String> = oldest.1.difference(&next.1).cloned().collect();
                (oldest.0, gone)
            };
            // The record first: one that names files that are gone could not be gone on from.
            self.log.remove(oldest).await?;
            for file in files {
                self.storage.delete(&file).await?;
            }
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.pop_front();
        }
    }

    async fn put_state(
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

    /// Learns which files the records name, and removes those that none does: they were
    /// written for an epoch that never was.
    async fn find_kept(&self, last: Option<&Record>) -> Result<()> {
        let mut kept = VecDeque::new();
        for epoch in self.log.epochs().await? {
            // An old record that is damaged is in nobody's way: its files are those of its neighbours.
            if let Ok(record) = self.log.read(epoch).await {
                kept.push_back((epoch, names(&record)));
            }
        }
        let named = |name: &str| kept.iter().any(|(_, names)| names.contains(name));
        for file in self.storage.list("state").await? {
            let name = format!("state/{}", file.name);
            if !named(&name) {
                self.storage.delete(&name).await?;
            }
        }
        if let Some(last) = last {
            self.check_files(last).await?;
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(())
    }

    /// A file that is missing is told before anything runs.
    async fn check_files(&self, last: &Record) -> Result<()> {
        let listed = self.storage.list("state").await?;
        for name in names(last) {
            let there = |file: &crate::Listed| name.strip_prefix("state/") == Some(&file.name);
            if !listed.iter().any(there) {
                return Err(Error::invalid(format!(
                    "the state file `{}` is gone, and epoch {} needs it: restore it from a copy \
                     of the checkpoint",
                    self.storage.place(&name),
                    last.epoch
                )));
            }
        }
        Ok(())
    }
}

/// Whether every sink is known to have committed an epoch.
///
/// # Errors
/// Those of the storage.
pub async fn is_committed(storage: &dyn Storage, epoch: u64) -> Result<bool> {
    let found = storage.get(COMMITTED).await?;
    Ok(found.is_some_and(|found| found == format!("{epoch}\n")))
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

fn names(record: &Record) -> BTreeSet<String> {
    let files = record.states.iter().flat_map(|state| &state.files);
    files.map(|file| file.name.clone()).collect()
}

/// Whose the checkpoint is; makes it ours where it is nobody's.
async fn identity(storage: &dyn Storage, pipeline: &str) -> Result<Identity> {
    let place = storage.place(IDENTITY);
    if let Some(bytes) = storage.get(IDENTITY).await? {
        let damaged = |error| Error::invalid(format!("`{place}` cannot be read")).because(error);
        let identity: Identity = serde_json::from_slice(&bytes).map_err(damaged)?;
        if identity.format > FORMAT {
            return Err(Error::invalid(format!(
                "`{place}` has version {} of the format, and this azud reads up to {FORMAT}: run \
                 the newer one",
                identity.format
            )));
        }
        if identity.pipeline != pipeline {
            return Err(Error::invalid(format!(
                "`{}` is the checkpoint of the pipeline `{}`, and this one is `{pipeline}`: name \
                 another folder, or give the pipeline its old name",
                storage.place(""),
                identity.pipeline
            )));
        }
        return Ok(identity);
    }
    for folder in FOLDERS {
        if !storage.list(folder).await?.is_empty() {
            return Err(Error::invalid(format!(
                "`{}` has a folder `{folder}`, and `{IDENTITY}` is gone: restore it from a copy, or \
                 name another folder",
                storage.place("")
            )));
        }
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Error::internal("no random numbers").because(error))?;
    let identity = Identity {
        format: FORMAT,
        pipeline: pipeline.to_owned(),
        run: random.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let mut bytes = serde_json::to_vec(&identity)
        .map_err(|error| Error::internal("an identity").because(error))?;
    bytes.push(b'\n');
    storage.put(IDENTITY, bytes.into()).await?;
    Ok(identity)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("the checkpoint").because(error))?
}
