//! Dead letters on their way into a run: what is pending, and who waits for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_connect::fault_point;
use azud_state::{KeptReplays, ReplayRow, Replayed, Storage, finish_replay};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as Gate, MutexGuard as GateGuard, Notify, oneshot};

use super::ask::ReplayError;
use super::entering::enter;
use super::inlets::Inlets;
use super::{Given, Injection};

/// So many rows an epoch takes at most, and so many bytes: it is to end soon.
const ROWS: usize = 4096;
const BYTES: usize = 8 << 20;

/// Outlives attempts: what the checkpoint keeps, it has.
#[derive(Default)]
pub(crate) struct Replays {
    state: Mutex<State>,
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

/// Who is told the epoch by which all rows of a request are committed.
type Answer = oneshot::Sender<Option<u64>>;

/// A request, cut into what epochs take.
struct Pending {
    number: u64,
    /// The ids of those that could be given, once all are.
    ids: Vec<String>,
    /// Of those that could not: they may be asked for again.
    refused: Vec<String>,
    parts: VecDeque<Arc<Injection>>,
}

/// The right to keep a request, which nobody else has until it is dropped.
pub(super) struct Reserved<'a> {
    replays: &'a Replays,
    pub(super) place: Place,
    pub(super) number: u64,
}

// === impl Replays ===

impl Replays {
    /// The right to look at what the checkpoint keeps, or to add to it.
    pub(crate) async fn gate(&self) -> GateGuard<'_, ()> {
        self.gate.lock().await
    }

    /// An attempt begins with what its checkpoint keeps, seen behind the gate; requests whose rows are all recorded are
    /// put away, and who waits for them is told.
    pub(crate) async fn open(
        &self,
        inlets: Arc<Inlets>,
        storage: &Arc<dyn Storage>,
        kept: KeptReplays,
        replayed: Option<Replayed>,
    ) {
        for (number, rows) in kept.finished {
            let ids = Pending::new(&inlets, number, &rows, 0).ids;
            put_away(storage, number, ids).await;
        }
        let mut state = self.lock();
        state.kept = Some(Place {
            storage: storage.clone(),
            runtime: Handle::current(),
        });
        state.next = kept.next;
        state.known = kept.asked;
        let pending = kept.pending.iter().map(|(number, rows)| {
            let own = replayed.filter(|replayed| replayed.request == *number);
            Pending::new(&inlets, *number, rows, own.map_or(0, |own| own.rows))
        });
        state.pending = pending.collect();
        state.inlets = inlets.clone();
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
        if rows > 0 {
            tracing::info!("{rows} dead letters are to be replayed");
        }
    }

    /// A run without a checkpoint begins with these.
    pub(crate) fn open_in_memory(&self, inlets: &Inlets, rows: &[ReplayRow]) {
        let mut state = self.lock();
        state.pending.clear();
        if !rows.is_empty() {
            state.pending.push_back(Pending::new(inlets, 1, rows, 0));
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
        let state = self.lock();
        let first = state.pending.front();
        let part = first.and_then(|first| first.parts.front()).cloned();
        let parts: usize = state.pending.iter().map(|of| of.parts.len()).sum();
        drop(state);
        if part.is_some() {
            fault_point("before-replay");
        }
        (part, parts > 1)
    }

    /// What an epoch took is recorded and committed.
    pub(crate) async fn committed(&self, after: Replayed, epoch: u64) {
        let done = {
            let mut state = self.lock();
            if let Some(first) = state.pending.front_mut() {
                first.parts.pop_front();
            }
            let done = state.pending.pop_front_if(|first| first.parts.is_empty());
            let answer = done
                .as_ref()
                .and_then(|of| state.answers.remove(&of.number));
            for id in done.iter().flat_map(|done| &done.refused) {
                state.known.remove(id);
            }
            done.map(|done| (done, state.kept.clone(), answer))
        };
        let Some((done, kept, answer)) = done else {
            return;
        };
        if let Some(kept) = kept {
            let rows = done.ids.len();
            tracing::info!("{rows} dead letters are replayed with epoch {epoch}");
            fault_point("before-replay-is-put-away");
            put_away(&kept.storage, after.request, done.ids).await;
            fault_point("after-replay-is-put-away");
        }
        if let Some(answer) = answer {
            let _ = answer.send(Some(epoch));
        }
    }

    /// The right to keep a request.
    pub(super) fn reserve(&self) -> Result<Reserved<'_>, ReplayError> {
        let mut state = self.lock();
        if state.has_ended {
            return Err(ReplayError::Ended);
        }
        if state.is_reserved {
            return Err(ReplayError::Busy);
        }
        let Some(place) = state.kept.clone() else {
            return Err(ReplayError::Refused(
                "the pipeline has no `checkpoint`, or has not come to it yet: with one, what is \
                 replayed is neither lost nor doubled; write `checkpoint: { to: ./state }`"
                    .to_owned(),
            ));
        };
        state.is_reserved = true;
        Ok(Reserved {
            place,
            number: state.next,
            replays: self,
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

    /// The run has ended: what is pending stays in the checkpoint.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        state.answers.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Reserved ===

impl Reserved<'_> {
    /// The request is kept, behind the gate: its rows are pending now.
    pub(super) fn kept(self, rows: &[ReplayRow]) -> oneshot::Receiver<Option<u64>> {
        let (answer, answered) = oneshot::channel();
        // Of the plan that runs now: another one may have taken over.
        let pending = Pending::new(&self.replays.inlets(), self.number, rows, 0);
        let mut state = self.replays.lock();
        state.pending.push_back(pending);
        state.known.extend(rows.iter().map(|row| row.id.clone()));
        // Nobody answers any more where the run has ended meanwhile.
        if !state.has_ended {
            state.answers.insert(self.number, answer);
        }
        drop(state);
        self.replays.asked.notify_one();
        answered
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut state = self.replays.lock();
        state.is_reserved = false;
        state.next = state.next.max(self.number + 1);
    }
}

// === impl Pending ===

impl Pending {
    /// The rows of a request but for the first ones, which are recorded.
    fn new(inlets: &Inlets, number: u64, rows: &[ReplayRow], done: u64) -> Self {
        let mut pending = Self {
            number,
            ids: Vec::new(),
            refused: Vec::new(),
            parts: VecDeque::new(),
        };
        let mut from = 0;
        while from < rows.len() {
            let part = part_of(rows.get(from..).unwrap_or_default());
            let to = from + part.len();
            let after = Replayed {
                request: number,
                rows: to as u64,
            };
            let given = pending.read(inlets, part);
            if after.rows > done {
                pending
                    .parts
                    .push_back(Arc::new(Injection { given, after }));
            }
            from = to;
        }
        pending
    }

    /// Rows that fitted when they were asked for, and do no more with another manifest, are told.
    fn read(&mut self, inlets: &Inlets, rows: &[ReplayRow]) -> Vec<Given> {
        let entering = match enter(inlets, rows) {
            Ok(entering) => entering,
            Err(error) => {
                tracing::warn!("dead letters cannot be replayed: {error}");
                return Vec::new();
            }
        };
        for (number, why) in &entering.refused {
            if let Some(row) = rows.get(*number) {
                let (id, node) = (&row.id, &row.node);
                tracing::warn!("the dead letter {id} of `{node}` cannot be replayed: {why}");
                self.refused.push(id.clone());
            }
        }
        let refused: BTreeSet<usize> = entering.refused.iter().map(|(row, _)| *row).collect();
        let fits = rows.iter().enumerate();
        let fits = fits.filter(|(number, _)| !refused.contains(number));
        self.ids.extend(fits.map(|(_, row)| row.id.clone()));
        entering.given
    }

    fn rows(&self) -> usize {
        let given = self.parts.iter().flat_map(|part| &part.given);
        given.map(Given::rows).sum()
    }
}

/// As many rows as an epoch takes, at least one.
fn part_of(rows: &[ReplayRow]) -> &[ReplayRow] {
    let mut bytes = 0;
    let fits = rows.iter().take(ROWS).take_while(|row| {
        bytes += row.value.len();
        bytes <= BYTES
    });
    let count = fits.count().max(1);
    rows.get(..count).unwrap_or(rows)
}

/// What is not put away now is at the next start.
async fn put_away(storage: &Arc<dyn Storage>, number: u64, ids: Vec<String>) {
    if let Err(error) = finish_replay(storage.as_ref(), number, ids).await {
        tracing::warn!("the checkpoint could not put away what was replayed: {error}");
    }
}
