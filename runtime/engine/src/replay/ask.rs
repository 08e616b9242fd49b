//! A run is asked to replay dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use azud_connect::{Backoff, fault_point};
use azud_model::ErrorKind;
use azud_state::{ReplayRow, keep_replay};
use tokio::sync::oneshot;

use super::entering::enter;
use super::queue::{Done, Replays, Reserved};
use crate::{Control, Plan};

/// So often it is tried to keep a request.
const KEEPS: usize = 6;

const NO_CHECKPOINT: &str = "the pipeline has no `checkpoint`: with one, what is replayed is neither \
                             lost nor doubled; write `checkpoint: { to: ./state }`";

/// What came of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayAnswer {
    /// How many rows were given to their nodes.
    pub rows: u64,
    /// The epoch by which all of them are committed; `None` where there were none, or where a
    /// rollback came between.
    pub epoch: Option<u64>,
    /// How many were left out, because they had been asked for before.
    pub left_out: u64,
    /// How many of those are kept, and not committed yet.
    pub pending: u64,
    /// Those that cannot be replayed: the id, and why.
    pub refused: Vec<(String, String)>,
    /// How many rows came too late for which node in the epochs that had them, other rows included:
    /// windows may have closed since.
    pub late: BTreeMap<Arc<str>, u64>,
}

/// Why nothing is replayed, or it is not known when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// It cannot be, for this reason.
    Refused(String),
    /// Another request is being kept.
    Busy,
    /// It starts, and has not come to its checkpoint; nothing is kept.
    Starts,
    /// The pipeline has ended, or not yet begun; nothing is kept.
    Ended,
    /// It has ended with rows that are kept: the next run replays them.
    Kept,
}

// === impl Control ===

impl Control {
    /// Gives rows to the nodes that rejected them, and waits until that is committed. Those that
    /// were asked for before are left out, unless `again`. A run that starts is waited for. Blocks: not
    /// to be called by a thread of an async runtime.
    ///
    /// # Errors
    /// Why that is not to be.
    pub fn replay_and_wait(
        &self,
        rows: Vec<ReplayRow>,
        again: bool,
    ) -> Result<ReplayAnswer, ReplayError> {
        let running = self.begun().ok_or(ReplayError::Ended)?;
        if running.plan.checkpoint.is_none() {
            return Err(ReplayError::Refused(NO_CHECKPOINT.to_owned()));
        }
        let refused_all = |error: azud_model::Error| ReplayError::Refused(error.to_string());
        let reserved = running.replays.reserve()?;
        let mut answer = ReplayAnswer::default();
        let pending = running.replays.pending();
        let mut seen = BTreeSet::new();
        let mut wanted = Vec::new();
        for mut row in rows {
            // A first attempt was made where it was rejected.
            row.attempt = row.attempt.max(2);
            let is_new = again || !running.replays.knows(&row.id);
            match is_new && seen.insert(row.id.clone()) {
                true => wanted.push(row),
                false => {
                    answer.left_out += 1;
                    answer.pending += u64::from(pending.contains(&row.id));
                }
            }
        }
        let entering = enter(&running.replays.inlets(), &wanted).map_err(refused_all)?;
        let refused: BTreeSet<usize> = entering.refused.iter().map(|(row, _)| *row).collect();
        answer.refused = entering
            .refused
            .into_iter()
            .filter_map(|(number, why)| Some((wanted.get(number)?.id.clone(), why)))
            .collect();
        let fits = wanted.into_iter().enumerate();
        let fits = fits.filter(|(number, _)| !refused.contains(number));
        let fits: Vec<ReplayRow> = fits.map(|(_, row)| row).collect();
        if fits.is_empty() {
            return Ok(answer);
        }
        answer.rows = fits.len() as u64;
        let runtime = reserved.place.runtime.clone();
        let kept = runtime.block_on(keep(&running.replays, reserved, fits));
        let answered = kept.map_err(refused_all)?;
        let done = answered.blocking_recv().map_err(|_| ReplayError::Kept)?;
        if let Some(done) = done {
            answer.epoch = Some(done.epoch);
            answer.rows = answer.rows.saturating_sub(done.refused.len() as u64);
            answer.refused.extend(done.refused);
            answer.late = done.late;
        }
        Ok(answer)
    }
}

/// Keeps rows in the checkpoint: an answer that was lost is asked for again.
async fn keep(
    replays: &Replays,
    reserved: Reserved<'_>,
    rows: Vec<ReplayRow>,
) -> azud_model::Result<oneshot::Receiver<Option<Done>>> {
    let mut backoff = Backoff::default();
    // Over all tries: an attempt that begins between two would find the request, and have it twice.
    let _gate = replays.gate().await;
    for _ in 0..KEEPS {
        let (storage, number) = (reserved.place.storage.as_ref(), reserved.number);
        match keep_replay(storage, number, &rows).await {
            Ok(()) => {
                fault_point("after-replay-is-kept");
                return reserved.kept(rows).await;
            }
            Err(error) if error.kind() != ErrorKind::Unavailable => return Err(error),
            Err(error) => tracing::warn!("dead letters that are to be replayed: {error}"),
        }
        tokio::time::sleep(backoff.pause()).await;
    }
    Err(azud_model::Error::unavailable(
        "the checkpoint does not answer: ask again with the same dead letters, which are replayed \
         once also where they have been kept",
    ))
}

// === impl Plan ===

impl Plan {
    /// Which of these dead letters cannot be replayed, by id, and why.
    ///
    /// # Errors
    /// `Internal` only.
    pub fn refused(&self, rows: &[ReplayRow]) -> azud_model::Result<Vec<(String, String)>> {
        let refused = enter(&self.inlets(), rows)?.refused.into_iter();
        let named = refused.filter_map(|(row, why)| Some((rows.get(row)?.id.clone(), why)));
        Ok(named.collect())
    }
}

// === impl ReplayError ===

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Busy => f.write_str("another replay is being kept: ask again"),
            Self::Starts => f.write_str(
                "the pipeline starts, and has not come to its checkpoint yet: nothing is kept; ask \
                 again when it is ready (`azud status`)",
            ),
            Self::Ended => f.write_str("the pipeline does not run"),
            Self::Kept => f.write_str(
                "the pipeline has ended: the rows are in its checkpoint, and the next run replays \
                 them",
            ),
        }
    }
}

impl std::error::Error for ReplayError {}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use azud_connect::SimulatedDisk;
    use azud_state::{Listed, LocalStorage, Storage, kept_replays};
    use bytes::Bytes;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::replay::inlets::Inlets;

    /// Writes a request, loses the answer once, and has an attempt begin then.
    #[derive(Debug)]
    struct LosesAnswer {
        storage: LocalStorage,
        is_lost: AtomicBool,
        /// Nor does it say then whether it has.
        is_away: AtomicBool,
        /// The attempt waits behind the gate.
        waits: Arc<AtomicBool>,
    }

    #[async_trait]
    impl Storage for LosesAnswer {
        async fn put_new(&self, name: &str, bytes: Bytes) -> azud_model::Result<bool> {
            let written = self.storage.put_new(name, bytes).await;
            if self.is_lost.swap(true, Ordering::Relaxed) {
                return written;
            }
            // The attempt comes as far as it may.
            while !self.waits.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            self.is_away.store(true, Ordering::Relaxed);
            Err(azud_model::Error::unavailable("no answer"))
        }

        async fn put(&self, name: &str, bytes: Bytes) -> azud_model::Result<()> {
            self.storage.put(name, bytes).await
        }

        async fn get(&self, name: &str) -> azud_model::Result<Option<Bytes>> {
            match self.is_away.swap(false, Ordering::Relaxed) {
                true => Err(azud_model::Error::unavailable("no answer")),
                false => self.storage.get(name).await,
            }
        }

        async fn list(&self, folder: &str) -> azud_model::Result<Vec<Listed>> {
            self.storage.list(folder).await
        }

        async fn delete(&self, name: &str) -> azud_model::Result<()> {
            self.storage.delete(name).await
        }

        fn place(&self, name: &str) -> String {
            self.storage.place(name)
        }
    }

    /// As `Plan::open_replays` does.
    async fn begin(replays: &Replays, storage: &Arc<dyn Storage>) {
        let _gate = replays.gate().await;
        let kept = kept_replays(storage.as_ref(), None).await.unwrap();
        let inlets = Arc::new(Inlets::default());
        replays.open(inlets, storage, kept).await.unwrap();
    }

    /// On one thread: what is spawned runs while the storage waits, and is behind the gate then.
    #[tokio::test]
    async fn an_attempt_that_begins_between_two_tries_has_a_request_once() {
        let disk = Arc::new(SimulatedDisk::new());
        let waits = Arc::new(AtomicBool::new(false));
        let storage: Arc<dyn Storage> = Arc::new(LosesAnswer {
            storage: LocalStorage::new(disk, PathBuf::from("/state")),
            is_lost: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            waits: waits.clone(),
        });
        let replays = Arc::new(Replays::default());
        begin(&replays, &storage).await;
        let reserved = replays.reserve().unwrap();
        let row = ReplayRow {
            id: "a".to_owned(),
            node: "big".to_owned(),
            ..ReplayRow::default()
        };
        let attempt: JoinHandle<()> = {
            let (replays, storage) = (replays.clone(), storage.clone());
            tokio::spawn(async move {
                // The request is there, and whoever writes it does not know.
                while storage.list("replays").await.unwrap().is_empty() {
                    tokio::task::yield_now().await;
                }
                waits.store(true, Ordering::Relaxed);
                begin(&replays, &storage).await;
            })
        };
        let _answered = keep(&replays, reserved, vec![row]).await.unwrap();
        attempt.await.unwrap();
        let (part, more) = replays.take();
        assert!(part.is_some(), "it is pending");
        assert!(!more, "it is pending twice");
    }
}
