//! `_azud/owner.json`: whose the place is, and how far its commits have come.

use azud_connect::fault_point;
use azud_model::{Error, Result};
use azud_object::{Condition, Version};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::place::Place;

const NAME: &str = "_azud/owner.json";

/// More answers than that are not lost one after the other.
const ATTEMPTS: usize = 4;

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    version: u32,
    /// The run of a checkpoint; `None` of one without.
    pub(super) run: Option<String>,
    /// The checkpoint's.
    pub(super) generation: u64,
    /// Each start that takes the place has the next number.
    pub(super) start: u64,
    /// The last epoch whose commit was begun.
    pub(super) epoch: Option<u64>,
    /// By chance: of two starts with the same number only one was written.
    id: String,
}

/// The place in the hands of this start.
#[derive(Debug)]
pub(super) struct Owned {
    place: Place,
    pub(super) start: u64,
    known: Mutex<(Owner, Version)>,
}

// === impl Owner ===

impl Owner {
    /// Whose the place is, if it is anybody's.
    pub(super) async fn read(place: &Place) -> Result<Option<(Self, Version)>> {
        let Some((bytes, version)) = place.bucket.get(NAME).await? else {
            return Ok(None);
        };
        let owner = serde_json::from_slice(&bytes).map_err(|error| {
            let place = place.bucket.place(NAME);
            Error::invalid(format!(
                "`{place}` does not say whose the output is: remove what is there, or write to \
                 another place"
            ))
            .because(error)
        })?;
        Ok(Some((owner, version)))
    }

    /// The one after `before`.
    pub(super) fn after(
        before: Option<&Self>,
        run: Option<String>,
        generation: u64,
        epoch: Option<u64>,
    ) -> Result<Self> {
        let id = getrandom::u64()
            .map_err(|error| Error::internal("file: no randomness").because(error))?;
        Ok(Self {
            version: 1,
            run,
            generation,
            start: before.map_or(0, |before| before.start) + 1,
            epoch,
            id: format!("{id:016x}"),
        })
    }

    /// Two runs start at once: only a later look can tell which is right.
    pub(super) fn is_changing(place: &Place) -> Error {
        Error::unavailable(format!(
            "another run takes `{}` at this moment",
            place.given()
        ))
    }

    fn bytes(&self) -> Result<Bytes> {
        let mut bytes = serde_json::to_vec(self)
            .map_err(|error| Error::internal("file: an owner").because(error))?;
        bytes.push(b'\n');
        Ok(bytes.into())
    }
}

// === impl Owned ===

impl Owned {
    /// Takes the place from whoever was read to have it.
    ///
    /// # Errors
    /// `Unavailable` if somebody else took it meanwhile: look again. `Invalid` if the store
    /// cannot keep two apart.
    pub(super) async fn take(place: &Place, before: Option<Version>, owner: Owner) -> Result<Self> {
        let condition = before.map_or(Condition::New, Condition::Over);
        let bytes = owner.bytes()?;
        let Some(version) = place.bucket.put(NAME, bytes.clone(), condition).await? else {
            return Err(Owner::is_changing(place));
        };
        // A store that has never heard of `If-None-Match` would let two runs write.
        let again = place.bucket.put(NAME, bytes, Condition::New).await?;
        if again.is_some() {
            return Err(Error::invalid(format!(
                "the store of `{}` replaces objects that must be new, so that two runs could \
                 both write there: take one that supports `If-None-Match` and `If-Match`, as S3 \
                 does",
                place.given()
            )));
        }
        Ok(Self {
            place: place.clone(),
            start: owner.start,
            known: Mutex::new((owner, version)),
        })
    }

    /// What strangers have left is put aside: the place is this run's.
    pub(super) async fn settle(
        &self,
        run: &str,
        generation: u64,
        epoch: Option<u64>,
    ) -> Result<()> {
        self.write(|owner| {
            owner.run = Some(run.to_owned());
            owner.generation = generation;
            owner.epoch = epoch;
        })
        .await
    }

    /// The commit of an epoch begins.
    ///
    /// # Errors
    /// `Invalid` if another start has taken the place: nothing may be shown.
    pub(super) async fn begin(&self, epoch: u64) -> Result<()> {
        self.write(|owner| owner.epoch = Some(epoch)).await?;
        fault_point("in-commit");
        Ok(())
    }

    /// Whether nobody else has taken the place since.
    pub(super) async fn is_ours(&self) -> Result<bool> {
        let there = Owner::read(&self.place).await?;
        let known = self.known.lock().await;
        Ok(there.is_some_and(|(there, _)| there.id == known.0.id))
    }

    async fn write(&self, change: impl FnOnce(&mut Owner)) -> Result<()> {
        let mut known = self.known.lock().await;
        let mut wanted = known.0.clone();
        change(&mut wanted);
        let bucket = &self.place.bucket;
        for _ in 0..ATTEMPTS {
            let over = Condition::Over(known.1.clone());
            if let Some(version) = bucket.put(NAME, wanted.bytes()?, over).await? {
                *known = (wanted, version);
                return Ok(());
            }
            // It may be an earlier attempt's, whose answer was lost.
            match Owner::read(&self.place).await? {
                Some((there, version)) if there.id == wanted.id => *known = (there, version),
                Some(_) => return Err(taken(&self.place)),
                None => {
                    return Err(Error::invalid(format!(
                        "`{}` is gone: somebody has removed it while this run wrote there",
                        bucket.place(NAME)
                    )));
                }
            }
        }
        Err(Error::unavailable(format!(
            "`{}` changes all the time",
            bucket.place(NAME)
        )))
    }
}

/// This start is the older one.
pub(super) fn taken(place: &Place) -> Error {
    Error::invalid(format!(
        "another run has taken over `{}`: this one has stopped, and shows nothing more there",
        place.given()
    ))
}
