//! One owner a checkpoint.
//!
//! On a disk a lock keeps others out; the system takes it from a process that dies.
//! An object store has no locks: there every start takes the next *generation*,
//! `owners/<generation>.json`, and whoever sees a later one than its own has lost
//! the checkpoint. It is looked at before a record is written and again before
//! its sinks commit, and a record is never replaced: so of two owners only the
//! later one's epochs happen, or it finds the earlier one's last record and goes on
//! from there.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use azud_model::{Error, Result};

use crate::Storage;

const FOLDER: &str = "owners";

/// What makes a process the owner.
#[derive(Debug)]
pub(crate) enum Owner {
    /// The file is locked for as long as it is open.
    Lock { _file: File },
    /// No later generation is there.
    Generation(u64),
}

// === impl Owner ===

impl Owner {
    /// Takes the checkpoint.
    pub(crate) async fn take(storage: &dyn Storage) -> Result<Self> {
        match storage.folder() {
            Some(folder) => lock(folder),
            None => loop {
                let next = generations(storage)
                    .await?
                    .last()
                    .map_or(1, |last| last + 1);
                let name = format!("{FOLDER}/{next:020}.json");
                if storage.put_new(&name, "{}\n".into()).await? {
                    return Ok(Self::Generation(next));
                }
            },
        }
    }

    /// Which owner it is; 0 where a lock tells.
    pub(crate) fn generation(&self) -> u64 {
        match self {
            Self::Lock { .. } => 0,
            Self::Generation(own) => *own,
        }
    }

    /// # Errors
    /// `Invalid` if somebody else has taken the checkpoint.
    pub(crate) async fn check(&self, storage: &dyn Storage) -> Result<()> {
        let Self::Generation(own) = self else {
            return Ok(());
        };
        match generations(storage).await?.last() {
            Some(last) if last > own => Err(Error::invalid(format!(
                "another run has taken over the checkpoint `{}`: this one has stopped, and \
                 nothing of its last epoch was recorded",
                storage.place("")
            ))),
            _ => Ok(()),
        }
    }
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
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
            tracing::warn!("{}: no locks here: {error}", path.display());
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    Ok(Owner::Lock { _file: file })
}
