//! A checkpoint that is open: whose it is, and everything that is written to it.

#[cfg(test)]
mod races;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use azud_model::{Error, Result};
use bytes::Bytes;

use crate::identity::{IDENTITY, Identity, identity};
use crate::owner::{HeldLock, Owner};
use crate::rows::describe;
use crate::{
    EpochLog, Found, Record, StateFile, Storage, compact, components, decode, encode, positions,
};

/// The last epoch of a run that ended, once all its sinks had committed it.
const COMMITTED: &str = "committed";

/// Everywhere objects are written to.
const SETTLED: [&str; 5] = ["", "owners", "epochs", "state", "spool"];

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
    /// Components that the next records name.
    components: Mutex<BTreeSet<String>>,
    /// Whether every record could be read: else nobody knows which files are needed.
    readable: AtomicBool,
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

// === impl Checkpoint ===

impl Checkpoint {
    /// Takes a checkpoint, or makes it; answers where the pipeline goes on.
    /// `retain` is how many records are kept, at least two.
    ///
    /// # Errors
    /// `Invalid` if another run owns it, it belongs to another pipeline, or it is damaged.
    pub async fn open(storage: Arc<dyn Storage>, pipeline: &str, retain: usize) -> Result<Opened> {
        Self::open_again(storage, pipeline, retain, None).await
    }

    /// The same, for a process that has had it open and kept its lock since.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub async fn open_again(
        storage: Arc<dyn Storage>,
        pipeline: &str,
        retain: usize,
        held: Option<HeldLock>,
    ) -> Result<Opened> {
        let owner = Owner::take(storage.as_ref(), held).await?;
        for folder in SETTLED {
            storage.settle(folder).await?;
        }
        let identity = identity(storage.as_ref(), pipeline).await?;
        let log = EpochLog::new(storage.clone());
        let found = owned(&log, &owner, storage.as_ref()).await?;
        if found.is_none() && storage.get(COMMITTED).await?.is_some() {
            // A newer owner may have ended a whole run between the two looks.
            owner.check(storage.as_ref()).await?;
            return Err(Error::invalid(format!(
                "`{}` has no epoch any more, and it had: restore it from a copy, or name another \
                 folder",
                storage.place("")
            )));
        }
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
            components: Mutex::default(),
            readable: AtomicBool::new(true),
            storage,
        };
        checkpoint.find_kept(last.as_ref()).await?;
        Ok(Opened {
            checkpoint,
            last,
            warnings,
        })
    }

    /// What keeps others out for as long as it is there; `None` on an object store, where
    /// every start takes the checkpoint over.
    pub fn held(&self) -> Option<HeldLock> {
        self.owner.held()
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
        let read = self.read_all(files).await?;
        let (bytes, rows) = blocking(move || compact(&read, keys)).await?;
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

    /// Keeps the components of all sinks that prepare epochs with one, before the first
    /// record that names them; removes those that no record needs any more.
    ///
    /// # Errors
    /// Those of the storage; `Invalid` if another run has taken the checkpoint.
    pub async fn keep_components(&self, all: &[Bytes]) -> Result<()> {
        let storage = self.storage.as_ref();
        // What a process that was killed has written is made certain first.
        storage.settle(components::FOLDER).await?;
        for bytes in all {
            let name = components::keep(storage, bytes.clone()).await?;
            lock(&self.components).insert(name);
        }
        if !self.readable.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut needed = lock(&self.components).clone();
        needed.extend(lock(&self.kept).iter().flat_map(|(_, names)| names.clone()));
        let unneeded = components::unneeded(storage, &needed).await?;
        // A later owner may have kept others, which no record names yet: not those that were
        // there before it came.
        self.check_owner().await?;
        for name in unneeded {
            storage.delete(&name).await?;
        }
        Ok(())
    }

    /// Records an epoch: once this succeeds, the epoch has happened.
    ///
    /// # Errors
    /// Those of the storage; `Invalid` if another run has taken the checkpoint.
    pub async fn record(&self, record: &Record) -> Result<()> {
        self.check_owner().await?;
        if !self.log.write(record).await? {
            return Err(Error::invalid(format!(
                "epoch {} is recorded in `{}` already, by another run: this one has stopped; \
                 started again, it goes on after that epoch",
                record.epoch,
                self.place()
            )));
        }
        let mut kept = lock(&self.kept);
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
                let kept = lock(&self.kept);
                let (Some(oldest), Some(next)) = (kept.front(), kept.get(1)) else {
                    return Ok(());
                };
                if kept.len() <= self.retain {
                    return Ok(());
                }
                let mut gone: BTreeSet<String> = oldest.1.difference(&next.1).cloned().collect();
                // A component may come back: also a later record may name it, or the next one.
                let components = lock(&self.components);
                gone.retain(|name| {
                    let later = kept.iter().skip(2).any(|(_, names)| names.contains(name));
                    !later && !components.contains(name)
                });
                (oldest.0, gone)
            };
            // The record first: one that names files that are gone could not be gone on from.
            self.log.remove(oldest).await?;
            for file in files {
                self.storage.delete(&file).await?;
            }
            let mut kept = lock(&self.kept);
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
        let mut readable = true;
        for epoch in self.log.epochs().await? {
            match self.log.look(epoch).await? {
                Some(Ok(record)) => kept.push_back((epoch, names(&record))),
                // Removed by an owner before us.
                None => {}
                // Nobody knows which files are its: none is removed.
                Some(Err(_)) => readable = false,
            }
        }
        let named = |name: &str| kept.iter().any(|(_, names)| names.contains(name));
        for file in self.storage.list("state").await? {
            let name = format!("state/{}", file.name);
            // A later owner may be at work already; it has files that no record names yet.
            if readable
                && is_own(&file.name)
                && !named(&name)
                && generation(&file.name) <= self.generation()
            {
                self.storage.delete(&name).await?;
            }
        }
        if let Some(last) = last {
            check_files(self.storage.as_ref(), last).await?;
        }
        *lock(&self.kept) = kept;
        self.readable.store(readable, Ordering::Relaxed);
        Ok(())
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

/// Whether every sink is known to have committed an epoch.
///
/// # Errors
/// Those of the storage.
pub async fn is_committed(storage: &dyn Storage, epoch: u64) -> Result<bool> {
    let found = storage.get(COMMITTED).await?;
    Ok(found.is_some_and(|found| found == format!("{epoch}\n")))
}

/// Whether a checkpoint names files so: `<20 digits>-<owner>-<state>.arrow`.
fn is_own(name: &str) -> bool {
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

/// How often the last epoch may change before it is claimed: each time another owner has
/// recorded one.
const ATTEMPTS: usize = 16;

/// The last epoch that happened, after which no other owner records one.
async fn owned(log: &EpochLog, owner: &Owner, storage: &dyn Storage) -> Result<Option<Found>> {
    for _ in 0..ATTEMPTS {
        let found = log.last().await?;
        let Owner::Generation(own) = owner else {
            return Ok(found);
        };
        let next = found.as_ref().map_or(0, |found| found.record.epoch + 1);
        if log.claim(next, *own).await? {
            // Whoever is still slower than this has claimed what a later owner left.
            owner.check(storage).await?;
            return Ok(found);
        }
    }
    Err(Error::unavailable(format!(
        "other runs record epochs in `{}` all the time",
        storage.place("")
    )))
}

/// The generation in the name of a file of state: `<epoch>-<generation>-...`.
fn generation(name: &str) -> u64 {
    let generation = name.split('-').nth(1);
    generation.map_or(0, |digits| digits.parse().unwrap_or(0))
}

/// All files that a record needs.
fn names(record: &Record) -> BTreeSet<String> {
    let states = state_files(record).map(str::to_owned);
    states.chain(components::needed(record)).collect()
}

fn state_files(record: &Record) -> impl Iterator<Item = &str> {
    let files = record.states.iter().flat_map(|state| &state.files);
    let positions = record.sources.iter().flat_map(|source| &source.files);
    files.chain(positions).map(|file| file.name.as_str())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("the checkpoint").because(error))?
}
