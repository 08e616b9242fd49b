//! Dead letters on their way into a run: what is pending, and who waits for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azud_connect::fault_point;
use azud_model::{Error, Result};
use azud_state::{
    KeptReplay, KeptReplays, ReplayRow, Replayed, Storage, finish_replay, keep_refused,
};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as Gate, MutexGuard as GateGuard, Notify, oneshot};

use super::ask::ReplayError;
use super::inlets::Inlets;
use super::pending::Pending;
use super::{Injection, Late};

/// How long is waited for a run that starts: as long as a reload waits for one.
const BEGINS: Duration = Duration::from_secs(10);

/// Outlives attempts: what the checkpoint keeps, it has.
#[derive(Default)]
pub(crate) struct Replays {
    state: Mutex<State>,
    /// The checkpoint is there, or the run has ended.
    opened: Condvar,
    asked: Notify,
    /// Held while the checkpoint is looked at, or given a request, until `state` says the same.
    gate: Gate<()>,
}

#[derive(Default)]
struct State {
    /// Where requests are kept; `None` before a run has come so far, and without a checkpoint.
    kept: Option<Place>,
    /// Where rows enter the plan that runs.
    inlets: Arc<Inlets>,
    pending: VecDeque<Pending>,
    /// The ids of all rows that were asked for.
    known: BTreeSet<String>,
    next: u64,
    /// Whether somebody keeps a request.
    is_reserved: bool,
    /// Whether the epoch under way has rows that were replayed.
    is_given: bool,
    has_ended: bool,
    answers: BTreeMap<u64, Answer>,
}

/// Where requests are kept.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) storage: Arc<dyn Storage>,
    /// Where that is written.
    pub(super) runtime: Handle,
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Done {
    /// The epoch by which all of its rows are committed.
    pub(super) epoch: u64,
    /// Those that were not given after all, and why.
    pub(super) refused: Vec<(String, String)>,
    /// What was late in their epochs.
    pub(super) late: Late,
}

/// Who is told; `None` where a rollback came between.
type Answer = oneshot::Sender<Option<Done>>;

/// The right to keep a request, which nobody else has until it is dropped.
pub(super) struct Reserved<'a> {
    replays: &'a Replays,
    pub(super) place: Place,
    pub(super) number: u64,
    is_kept: bool,
}

// === impl Replays ===

impl Replays {
    /// The right to look at what the checkpoint keeps, or to add to it.
    pub(crate) async fn gate(&self) -> GateGuard<'_, ()> {
        self.gate.lock().await
    }

    /// An attempt begins with what its checkpoint keeps, seen behind the gate; requests whose rows
    /// are all recorded are put away, and who waits for them is told.
    ///
    /// # Errors
    /// Those of the storage: it can be done again.
    pub(crate) async fn open(
        &self,
        inlets: Arc<Inlets>,
        storage: &Arc<dyn Storage>,
        kept: KeptReplays,
    ) -> Result<()> {
        for request in kept.finished {
            let ids = request.ids(request.rows.len()).collect();
            put_away(storage, request.number, ids).await;
        }
        let mut pending = VecDeque::new();
        for request in kept.pending {
            let refused_before = request.refused.len();
            let request = Pending::new(&inlets, request);
            if request.refused.len() > refused_before {
                keep_refused(storage.as_ref(), request.number, &request.refused).await?;
            }
            pending.push_back(request);
        }
        let mut state = self.lock();
        state.kept = Some(Place {
            storage: storage.clone(),
            runtime: Handle::current(),
        });
        state.next = kept.next;
        state.known = kept.asked;
        state.pending = pending;
        state.inlets = inlets;
        state.is_given = false;
        let left = |number: &u64| state.pending.iter().any(|of| of.number == *number);
        let done: Vec<u64> = (state.answers.keys().copied())
            .filter(|number| !left(number))
            .collect();
        for number in done {
            if let Some(answer) = state.answers.remove(&number) {
                let _ = answer.send(None);
            }
        }
        let rows: usize = state.pending.iter().map(Pending::rows).sum();
        drop(state);
        self.opened.notify_all();
        if rows > 0 {
            tracing::info!("{rows} dead letters are to be replayed");
        }
        Ok(())
    }

    /// A run without a checkpoint begins with these.
    pub(crate) fn open_in_memory(&self, inlets: &Inlets, rows: &[ReplayRow]) {
        let mut state = self.lock();
        state.pending.clear();
        if !rows.is_empty() {
            let request = KeptReplay {
                number: 1,
                rows: rows.to_vec(),
                ..KeptReplay::default()
            };
            state.pending.push_back(Pending::new(inlets, request));
        }
    }

    /// Waits until somebody asks.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Whether there are rows for an epoch.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.lock().pending.is_empty()
    }

    /// What the epoch that ends takes, and whether there is more for the next one. It stays pending
    /// until it is committed.
    pub(crate) fn take(&self) -> (Option<Arc<Injection>>, bool) {
        let mut state = self.lock();
        let first = state.pending.front();
        let part = first.and_then(|first| first.parts.front()).cloned();
        let parts: usize = state.pending.iter().map(|of| of.parts.len()).sum();
        state.is_given = part.as_ref().is_some_and(|part| !part.given.is_empty());
        drop(state);
        if part.is_some() {
            fault_point("before-replay");
        }
        (part, parts > 1)
    }

    /// What an epoch took is recorded and committed; `late` came too late in it.
    pub(crate) async fn committed(&self, after: Replayed, epoch: u64, late: Late) {
        let done = {
            let mut state = self.lock();
            state.is_given = false;
            if let Some(first) = state.pending.front_mut() {
                first.pop(late);
            }
            let done = state.pending.pop_front_if(|first| first.parts.is_empty());
            let answer = done
                .as_ref()
                .and_then(|of| state.answers.remove(&of.number));
            // They may be asked for again.
            for (id, _) in done.iter().flat_map(Pending::refused_ids) {
                state.known.remove(&id);
            }
            done.map(|done| (done, state.kept.clone(), answer))
        };
        let Some((done, kept, answer)) = done else {
            return;
        };
        if let Some(kept) = kept {
            let ids = done.given_ids();
            tracing::info!("{} dead letters are replayed with epoch {epoch}", ids.len());
            for (node, rows) in &done.late {
                tracing::warn!(
                    "{rows} rows came too late for `{node}` in the epochs of these dead letters: what \
                     is late goes to `{node}.late`"
                );
            }
            fault_point("before-replay-is-put-away");
            put_away(&kept.storage, after.request, ids).await;
            fault_point("after-replay-is-put-away");
        }
        if let Some(answer) = answer {
            let refused = done.refused_ids().collect();
            let late = done.late;
            let done = Done {
                epoch,
                refused,
                late,
            };
            let _ = answer.send(Some(done));
        }
    }

    /// An epoch that has rows which were replayed has failed on a row: the next attempt goes without
    /// them, and the pipeline does not stop for what it was without. `false` if the epoch has none.
    ///
    /// # Errors
    /// Those of the storage.
    pub(crate) async fn put_aside(&self, error: &Error) -> Result<bool> {
        let aside = {
            let state = self.lock();
            let first = state.pending.front().filter(|_| state.is_given);
            let aside = first.and_then(|first| Some((first.number, first.aside(error)?)));
            aside.zip(state.kept.clone())
        };
        let Some(((number, refused), place)) = aside else {
            return Ok(false);
        };
        keep_refused(place.storage.as_ref(), number, &refused).await?;
        self.lock().is_given = false;
        Ok(true)
    }

    /// The right to keep a request. Of a run that has a checkpoint: one that has not come to it is
    /// waited for. Blocks.
    ///
    /// # Errors
    /// Why that is not to be now.
    pub(super) fn reserve(&self) -> Result<Reserved<'_>, ReplayError> {
        let starts = |state: &mut State| state.kept.is_none() && !state.has_ended;
        let waited = self.opened.wait_timeout_while(self.lock(), BEGINS, starts);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.has_ended {
            return Err(ReplayError::Ended);
        }
        if state.is_reserved {
            return Err(ReplayError::Busy);
        }
        let Some(place) = state.kept.clone() else {
            return Err(ReplayError::Starts);
        };
        state.is_reserved = true;
        Ok(Reserved {
            place,
            number: state.next,
            replays: self,
            is_kept: false,
        })
    }

    /// Where rows enter the plan that runs.
    pub(super) fn inlets(&self) -> Arc<Inlets> {
        self.lock().inlets.clone()
    }

    /// Whether a row was asked for before.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.lock().known.contains(id)
    }

    /// The ids of rows that were asked for, and are not committed yet.
    pub(super) fn pending(&self) -> BTreeSet<String> {
        let state = self.lock();
        state.pending.iter().flat_map(Pending::left_ids).collect()
    }

    /// The run has ended: what is pending stays in the checkpoint.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        state.answers.clear();
        drop(state);
        self.opened.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Reserved ===

impl Reserved<'_> {
    /// The request is kept, behind the gate: its rows are pending now.
    ///
    /// # Errors
    /// Those of the storage; the next attempt replays the request.
    pub(super) async fn kept(
        mut self,
        rows: Vec<ReplayRow>,
    ) -> Result<oneshot::Receiver<Option<Done>>> {
        let (answer, answered) = oneshot::channel();
        let request = KeptReplay {
            number: self.number,
            rows,
            ..KeptReplay::default()
        };
        let ids: Vec<String> = request.ids(request.rows.len()).collect();
        // Of the plan that runs now: another one may have taken over.
        let pending = Pending::new(&self.replays.inlets(), request);
        if !pending.refused.is_empty() {
            keep_refused(self.place.storage.as_ref(), self.number, &pending.refused).await?;
        }
        let mut state = self.replays.lock();
        state.pending.push_back(pending);
        state.known.extend(ids);
        // Nobody answers any more where the run has ended meanwhile.
        if !state.has_ended {
            state.answers.insert(self.number, answer);
        }
        drop(state);
        self.is_kept = true;
        self.replays.asked.notify_one();
        Ok(answered)
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut state = self.replays.lock();
        state.is_reserved = false;
        // What was not kept may be there all the same: the next request finds it.
        if self.is_kept {
            state.next = state.next.max(self.number + 1);
        }
    }
}

/// What is not put away now is at the next start.
async fn put_away(storage: &Arc<dyn Storage>, number: u64, ids: Vec<String>) {
    if let Err(error) = finish_replay(storage.as_ref(), number, ids).await {
        tracing::warn!("the checkpoint could not put away what was replayed: {error}");
    }
}
