//! One owner a checkpoint.
//!
//! On a disk a lock keeps others out; the system takes it from a process that dies.
//! An object store has no locks: there every start takes the next *generation*,
//! `owners/<generation>.json`, and whoever sees a later one than its own has lost
//! the checkpoint. It is looked at before a record is written and again before
//! its sinks commit. Between a look and a write time passes: therefore a new owner
//! claims the next epoch of the log before it rolls anything back, see
//! [`crate::EpochLog::claim`]. Either the earlier owner's record was there first, and
//! the new one goes on from it, or it can never be written.

use std::fs::{File, Metadata, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azud_model::{Error, Result};

use crate::Storage;

const FOLDER: &str = "owners";

/// The lock of a checkpoint on a disk: for as long as one copy is there nobody else takes
/// the checkpoint, also where the process closes it and opens it again.
#[derive(Clone, Debug)]
pub(crate) struct HeldLock {
    file: Arc<File>,
    path: PathBuf,
}

/// What makes a process the owner.
#[derive(Debug)]
pub(crate) enum Owner {
    /// The file is locked for as long as it is open.
    Lock(HeldLock),
    /// No later generation is there.
    Generation(u64),
}

// === impl Owner ===

impl Owner {
    /// Takes the checkpoint, with a lock that the process holds already if there is one.
    pub(crate) async fn take(storage: &dyn Storage, held: Option<HeldLock>) -> Result<Self> {
        match (storage.folder(), held) {
            (Some(_), Some(held)) => Ok(Self::Lock(held)),
            (Some(folder), None) => lock(folder),
            (None, _) => next_generation(storage).await.map(Self::Generation),
        }
    }

    pub(crate) fn held(&self) -> Option<HeldLock> {
        match self {
            Self::Lock(held) => Some(held.clone()),
            Self::Generation(_) => None,
        }
    }

    /// Which owner it is; 0 where a lock tells.
    pub(crate) fn generation(&self) -> u64 {
        match self {
            Self::Lock(_) => 0,
            Self::Generation(own) => *own,
        }
    }

    /// # Errors
    /// `Invalid` if somebody else has taken the checkpoint.
    pub(crate) async fn check(&self, storage: &dyn Storage) -> Result<()> {
        let own = match self {
            Self::Generation(own) => own,
            Self::Lock(held) if held.is_there() => return Ok(()),
            Self::Lock(_) => return Err(removed(storage)),
        };
        let all = generations(storage).await?;
        match all.last() {
            Some(last) if last > own => Err(Error::invalid(format!(
                "another run has taken over the checkpoint `{}`: this one has stopped, and the \
                 other goes on from the last epoch that is recorded",
                storage.place("")
            ))),
            Some(last) if last == own => Ok(()),
            _ => Err(removed(storage)),
        }
    }
}

// === impl HeldLock ===

impl HeldLock {
    /// Whether the locked file is the one that others would lock.
    fn is_there(&self) -> bool {
        let place = |of: Metadata| (of.dev(), of.ino());
        let own = self.file.metadata().map(place);
        let there = std::fs::metadata(&self.path).map(place);
        matches!((own, there), (Ok(own), Ok(there)) if own == there)
    }
}

/// Nothing that is recorded from now on could be gone on from.
pub(crate) fn removed(storage: &dyn Storage) -> Error {
    Error::invalid(format!(
        "somebody has removed or replaced the checkpoint `{}` while this run used it: bring it \
         back as it was, or start over with other sinks' places",
        storage.place("")
    ))
}

/// How many generations are kept, for people, and so that no number is given twice.
const KEPT: usize = 16;

/// More starts at once than anybody makes.
const ATTEMPTS: usize = 16;

/// The first generation that nobody has. One that was taken in an attempt whose answer got
/// lost belongs to nobody, and the next one counts.
async fn next_generation(storage: &dyn Storage) -> Result<u64> {
    let mut tried = 0;
    for _ in 0..ATTEMPTS {
        let all = generations(storage).await?;
        let next = all.last().map_or(0, |last| *last).max(tried) + 1;
        if storage.put_new(&name(next), "{}\n".into()).await? {
            // A store that has never heard of `If-None-Match` would let two owners write.
            if storage.put_new(&name(next), "{}\n".into()).await? {
                return Err(Error::invalid(format!(
                    "the store of `{}` replaces objects that must be new, so that two runs could \
                     both own a checkpoint there: take one that supports `If-None-Match`, as S3 \
                     does",
                    storage.place("")
                )));
            }
            for old in all.iter().rev().skip(KEPT) {
                storage.delete(&name(*old)).await?;
            }
            return Ok(next);
        }
        tried = next;
    }
    Err(Error::unavailable(format!(
        "many runs want the checkpoint `{}` at once",
        storage.place("")
    )))
}

fn name(generation: u64) -> String {
    format!("{FOLDER}/{generation:020}.json")
}

async fn generations(storage: &dyn Storage) -> Result<Vec<u64>> {
    let listed = storage.list(FOLDER).await?;
    let number = |name: &str| name.strip_suffix(".json")?.parse().ok();
    let mut all: Vec<u64> = listed.iter().filter_map(|one| number(&one.name)).collect();
    all.sort_unstable();
    Ok(all)
}

fn lock(folder: &Path) -> Result<Owner> {
    let path = folder.join("owner.lock");
    let failed = |error: std::io::Error| {
        Error::invalid(format!("cannot lock `{}`", path.display())).because(error)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    if std::fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
        let path = path.display();
        return Err(Error::invalid(format!("`{path}` is no file: remove it")));
    }
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::invalid(format!(
                "another run uses the checkpoint `{}`: stop it, or write `checkpoint: {{ to: ... }}` \
                 to another folder",
                folder.display()
            )));
        }
        // Without a lock two runs would overwrite each other's files.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
            return Err(Error::invalid(format!(
                "`{}` is on a file system without locks: name a folder on another one",
                folder.display()
            ))
            .because(error));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    Ok(Owner::Lock(HeldLock {
        file: Arc::new(file),
        path,
    }))
}
