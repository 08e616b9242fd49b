//! A checkpoint that is open: whose it is, and everything that is written to it.

#[cfg(test)]
mod again;
#[cfg(test)]
mod races;
mod state_files;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_model::{Error, Result};
use bytes::Bytes;

pub(crate) use state_files::{check_files, read_state};
use state_files::{generation, is_own, state_files};

use crate::identity::{IDENTITY, Identity, identity};
use crate::owner::{HeldLock, Owner, removed};
use crate::{EpochLog, Found, Record, Storage, components, replays};

/// The last epoch of a run that ended, once all its sinks had committed it.
const COMMITTED: &str = "committed";

/// Everywhere objects are written to.
const SETTLED: [&str; 6] = ["", "owners", "epochs", "state", "spool", replays::FOLDER];

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

/// A checkpoint as the process had it open before.
#[derive(Clone, Debug)]
pub struct Before {
    lock: Option<HeldLock>,
    run: String,
    /// An epoch that is recorded for certain; there may be later ones.
    epoch: Option<u64>,
}

// === impl Before ===

impl Before {
    /// The same after so many epochs more.
    pub fn after(&self, epochs: u64) -> Self {
        let epoch = match (self.epoch, epochs) {
            (None, 0) => None,
            (None, more) => Some(more - 1),
            (Some(epoch), more) => Some(epoch + more),
        };
        Self {
            epoch,
            ..self.clone()
        }
    }
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

    /// The same, for a process that has had it open `before`.
    ///
    /// # Errors
    /// As [`Checkpoint::open`]; `Invalid` also if it is not what it was.
    pub async fn open_again(
        storage: Arc<dyn Storage>,
        pipeline: &str,
        retain: usize,
        before: Option<&Before>,
    ) -> Result<Opened> {
        let held = before.and_then(|before| before.lock.clone());
        let owner = Owner::take(storage.as_ref(), held).await?;
        for folder in SETTLED {
            storage.settle(folder).await?;
        }
        let run = before.map(|before| before.run.as_str());
        let identity = identity(storage.as_ref(), pipeline, run).await?;
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
        let epoch = last.as_ref().map(|last| last.epoch);
        if before.is_some_and(|before| before.epoch > epoch) {
            return Err(removed(storage.as_ref()));
        }
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

    /// What the process that has it open needs to open it again, after the epoch `epoch`.
    /// For as long as that is there nobody else takes a checkpoint on a disk.
    pub fn before(&self, epoch: Option<u64>) -> Before {
        Before {
            lock: self.owner.held(),
            run: self.run().to_owned(),
            epoch,
        }
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

/// Whether every sink is known to have committed an epoch.
///
/// # Errors
/// Those of the storage.
pub async fn is_committed(storage: &dyn Storage, epoch: u64) -> Result<bool> {
    let found = storage.get(COMMITTED).await?;
    Ok(found.is_some_and(|found| found == format!("{epoch}\n")))
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

/// All files that a record needs.
fn names(record: &Record) -> BTreeSet<String> {
    let states = state_files(record).map(str::to_owned);
    states.chain(components::needed(record)).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
