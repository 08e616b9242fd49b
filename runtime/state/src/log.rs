//! The epoch log: one object an epoch, and the newest is where a pipeline goes on.

use std::sync::Arc;

use azud_model::{Error, Result};
use bytes::Bytes;

use crate::claim::{self, Claim};
use crate::{Record, Storage, Unreadable};

const FOLDER: &str = "epochs";

/// The records of a checkpoint.
#[derive(Clone, Debug)]
pub struct EpochLog {
    storage: Arc<dyn Storage>,
}

/// The newest record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it holds.
    pub record: Record,
    /// What a person has to be told: that a later one was damaged, and put aside.
    pub warning: Option<String>,
}

// === impl EpochLog ===

impl EpochLog {
    /// The log of a checkpoint.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// The epochs that have a record, oldest first.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn epochs(&self) -> Result<Vec<u64>> {
        let listed = self.storage.list(FOLDER).await?;
        let mut epochs = Vec::with_capacity(listed.len());
        for one in listed {
            let Some(epoch) = number(&one.name) else {
                continue;
            };
            // No record is as short; only the next epoch is ever claimed.
            if one.bytes <= claim::LONGEST && self.is_claimed(epoch).await? {
                continue;
            }
            epochs.push(epoch);
        }
        epochs.sort_unstable();
        Ok(epochs)
    }

    async fn is_claimed(&self, epoch: u64) -> Result<bool> {
        let there = self.storage.get(&name(epoch)).await?;
        Ok(there.is_some_and(|there| Claim::of(&there).is_some()))
    }

    /// Claims the epoch after the last one, on an object store: from here on no earlier
    /// owner can record it. False if it is recorded already, or claimed anew meanwhile:
    /// then the last epoch is another one.
    ///
    /// # Errors
    /// Those of the storage; `Invalid` if a later owner has claimed it.
    pub async fn claim(&self, epoch: u64, generation: u64) -> Result<bool> {
        let claim = Claim { claim: generation };
        let (name, own) = (name(epoch), claim.to_bytes()?);
        if self.storage.put_new(&name, own.clone()).await? {
            return Ok(true);
        }
        let Some(there) = self.storage.get(&name).await? else {
            return Ok(false);
        };
        match Claim::of(&there) {
            Some(other) if other.claim > generation => Err(Error::invalid(format!(
                "another run has taken over the checkpoint `{}`",
                self.storage.place("")
            ))),
            Some(other) if other.claim < generation => self.replace(&name, &there, own).await,
            // An attempt that was reported as failed has succeeded.
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }

    async fn replace(&self, name: &str, before: &Bytes, bytes: Bytes) -> Result<bool> {
        if self.storage.replace(name, before, bytes.clone()).await? {
            return Ok(true);
        }
        // As above.
        let there = self.storage.get(name).await?;
        Ok(there.is_some_and(|there| there == bytes))
    }

    /// The record of an epoch.
    ///
    /// # Errors
    /// `Invalid` if there is none, or it cannot be read.
    pub async fn read(&self, epoch: u64) -> Result<Record> {
        let place = self.storage.place(&name(epoch));
        match self.look(epoch).await? {
            Some(Ok(record)) => Ok(record),
            Some(Err(Unreadable::Damaged(why) | Unreadable::Newer(why))) => {
                Err(Error::invalid(format!("the record `{place}`: {why}")))
            }
            None => Err(Error::invalid(format!("there is no record `{place}`"))),
        }
    }

    /// The newest record. One that is damaged belongs to an epoch that was being
    /// recorded when the machine stopped: it is put aside, and the one before
    /// counts. Whatever had been built upon it (a sink that committed, a journal
    /// that was cut) refuses to go on from there, so nothing is doubled by that.
    ///
    /// # Errors
    /// `Invalid` if there are records and none of the newest two can be read, or
    /// a newer version of this program wrote the newest.
    pub async fn last(&self) -> Result<Option<Found>> {
        let epochs = self.epochs().await?;
        let Some(newest) = epochs.last().copied() else {
            return Ok(None);
        };
        let place = self.storage.place(&name(newest));
        let why = match self.look(newest).await? {
            Some(Ok(record)) => {
                return Ok(Some(Found {
                    record,
                    warning: None,
                }));
            }
            Some(Err(Unreadable::Newer(why))) => {
                return Err(Error::invalid(format!("the record `{place}`: {why}")));
            }
            Some(Err(Unreadable::Damaged(why))) => why,
            None => "it is gone".to_owned(),
        };
        let refused = |what: String| {
            Error::invalid(format!(
                "the last record `{place}` is damaged: {why}; {what}: restore the folder from a \
                 copy, or start anew in another one"
            ))
        };
        let before = epochs.iter().rev().nth(1).copied();
        let Some(before) = before else {
            return Err(refused("there is no other".to_owned()));
        };
        let record = match self.look(before).await? {
            Some(Ok(record)) => record,
            Some(Err(Unreadable::Damaged(why) | Unreadable::Newer(why))) => {
                return Err(refused(format!("so is that of epoch {before}: {why}")));
            }
            None => return Err(refused(format!("that of epoch {before} is gone"))),
        };
        self.put_aside(newest).await?;
        Ok(Some(Found {
            record,
            warning: Some(format!(
                "the last record `{place}` is damaged: {why}; it is put aside, and epoch {before} \
                 is the last one that happened"
            )),
        }))
    }

    /// Records an epoch: once this succeeds, the epoch has happened. False if
    /// somebody else has recorded it.
    ///
    /// # Errors
    /// Those of the storage: the epoch may have been recorded all the same.
    pub async fn write(&self, record: &Record) -> Result<bool> {
        let (name, bytes) = (name(record.epoch), Bytes::from(record.to_bytes()?));
        if self.storage.put_new(&name, bytes.clone()).await? {
            return Ok(true);
        }
        let Some(there) = self.storage.get(&name).await? else {
            return Ok(false);
        };
        // An attempt that was reported as failed may have succeeded.
        if there == bytes {
            return Ok(true);
        }
        match Claim::of(&there) {
            Some(claim) if claim.claim <= record.generation => {
                self.replace(&name, &there, bytes).await
            }
            _ => Ok(false),
        }
    }

    /// Removes the record of an epoch.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn remove(&self, epoch: u64) -> Result<()> {
        self.storage.delete(&name(epoch)).await
    }

    pub(crate) async fn look(&self, epoch: u64) -> Result<Option<Result<Record, Unreadable>>> {
        let bytes = self.storage.get(&name(epoch)).await?;
        Ok(bytes.map(|bytes| {
            let record = Record::from_bytes(&bytes)?;
            match record.epoch == epoch {
                true => Ok(record),
                false => Err(Unreadable::Damaged(format!(
                    "it is the record of epoch {}",
                    record.epoch
                ))),
            }
        }))
    }

    async fn put_aside(&self, epoch: u64) -> Result<()> {
        if let Some(bytes) = self.storage.get(&name(epoch)).await? {
            let aside = format!("{}.damaged", name(epoch));
            self.storage.put(&aside, bytes).await?;
        }
        self.storage.delete(&name(epoch)).await
    }
}

/// Twenty digits, so that names sort as numbers do.
fn name(epoch: u64) -> String {
    format!("{FOLDER}/{epoch:020}.json")
}

fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".json")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use azud_connect::LocalDisk;
    use azud_model::Epoch;

    use super::*;
    use crate::LocalStorage;

    fn record(number: u64) -> Record {
        let epoch = Epoch {
            number,
            time_ms: 5,
            input_rows: 1,
            last: false,
        };
        Record::new("p", "run", 1, &epoch)
    }

    fn log(folder: &std::path::Path) -> EpochLog {
        let storage = LocalStorage::new(Arc::new(LocalDisk), folder.to_owned());
        EpochLog::new(Arc::new(storage))
    }

    #[tokio::test]
    async fn the_newest_record_counts_and_nobody_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        assert_eq!(log.last().await.unwrap(), None);
        for number in [8, 9, 10] {
            assert!(log.write(&record(number)).await.unwrap());
        }
        assert_eq!(log.epochs().await.unwrap(), [8, 9, 10]);
        assert_eq!(log.last().await.unwrap().unwrap().record, record(10));
        // Written again by whoever does not know that it succeeded.
        assert!(log.write(&record(10)).await.unwrap());
        let other = Record {
            generation: 2,
            ..record(10)
        };
        assert!(!log.write(&other).await.unwrap());
    }

    #[tokio::test]
    async fn a_damaged_last_record_is_put_aside_and_a_second_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        for number in [1, 2, 3] {
            log.write(&record(number)).await.unwrap();
        }
        let path = |number: u64| folder.path().join(name(number));
        let whole = std::fs::read(path(3)).unwrap();
        std::fs::write(path(3), &whole[..20]).unwrap();
        let found = log.last().await.unwrap().unwrap();
        assert_eq!(found.record, record(2));
        let warning = found.warning.unwrap();
        assert!(warning.contains("cut off at byte 20"), "{warning}");
        assert_eq!(log.epochs().await.unwrap(), [1, 2]);

        // What is put aside is in nobody's way.
        assert!(log.write(&record(3)).await.unwrap());
        for number in [2, 3] {
            std::fs::write(path(number), "{}\n{}\n").unwrap();
        }
        let error = log.last().await.unwrap_err().to_string();
        assert!(error.contains("so is that of epoch 2"), "{error}");
    }

    #[tokio::test]
    async fn a_single_damaged_record_is_no_fresh_start() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        log.write(&record(0)).await.unwrap();
        std::fs::write(folder.path().join(name(0)), "").unwrap();
        let error = log.last().await.unwrap_err().to_string();
        assert!(
            error.contains("cut off at byte 0; there is no other"),
            "{error}"
        );
    }
}
