//! A run is asked to replay dead letters.

use std::collections::BTreeSet;
use std::fmt;

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
