//! The change that is under way in a run: waits for the end of an epoch, and for its first epoch to
//! be recorded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_connect::fault_point;
use azud_model::Error;
use tokio::sync::{Notify, oneshot};

use super::diff::{Changes, Difference};
use crate::control::{ControlError, Reloaded};
use crate::plan::{Plan, PlanReplaceable};
use crate::swap::Replaceable;

/// What others are told while one is under way.
pub(crate) const CHANGE: &str = "a change of the manifest";

/// What whoever asked is told.
type Answer = oneshot::Sender<Result<Reloaded, ControlError>>;

/// Outlives attempts. Whoever asks has the only right to: see `Swaps::reserve`.
#[derive(Default)]
pub(crate) struct Changing {
    state: Mutex<State>,
    asked: Notify,
    taken_over: AtomicU64,
    taken_back: AtomicU64,
}

#[derive(Default)]
enum State {
    #[default]
    Nothing,
    /// The epoch that is under way is to be the last one of the plan that runs.
    Waiting(Box<Asked>, Answer),
    /// The other plan runs, and none of its epochs is recorded.
    OnProbation(Probation),
    Ended,
}

/// Another plan, and how it differs from the one that runs.
pub(crate) struct Asked {
    pub(crate) plan: Plan,
    pub(crate) changes: Changes,
    /// Nodes that its first attempt may begin anew.
    pub(crate) resets: Vec<String>,
}

struct Probation {
    before: Arc<Plan>,
    changes: Changes,
    /// Plugins of nodes that are not as they were, by the names that records have.
    plugins: Vec<(Arc<str>, Arc<dyn Replaceable>)>,
    answer: Answer,
}

// === impl Asked ===

impl Asked {
    /// Plugins of nodes that were there, and are changed. None where what they fail on cannot be
    /// computed again: it is rejected then, as ever.
    fn plugins(&self) -> Vec<(Arc<str>, Arc<dyn Replaceable>)> {
        if !self.plan.can_compute_again() {
            return Vec::new();
        }
        let is_changed = |one: &&PlanReplaceable| {
            let node = self.plan.nodes.get(one.node);
            let difference = node.and_then(|node| self.changes.of(&node.name));
            matches!(difference, Some(Difference::Changed(_)))
        };
        let changed = self.plan.replaceable.iter().filter(is_changed);
        changed
            .map(|one| (one.name.clone(), one.replaceable.clone()))
            .collect()
    }
}

// === impl Changing ===

impl Changing {
    /// Asks for a change.
    ///
    /// # Errors
    /// `Ended` if the run has.
    pub(crate) fn ask(
        &self,
        asked: Asked,
    ) -> Result<oneshot::Receiver<Result<Reloaded, ControlError>>, ControlError> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        match &*state {
            State::Nothing => *state = State::Waiting(Box::new(asked), answer),
            State::Waiting(..) | State::OnProbation(_) => {
                return Err(ControlError::Busy(CHANGE.to_owned()));
            }
            State::Ended => return Err(ControlError::Ended),
        }
        drop(state);
        self.asked.notify_one();
        Ok(answered)
    }

    /// Waits until somebody asks.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Whether one waits for the end of an epoch.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(&*self.lock(), State::Waiting(..))
    }

    /// Whether a plan runs of which no epoch is recorded, in place of another one.
    pub(crate) fn is_on_probation(&self) -> bool {
        matches!(&*self.lock(), State::OnProbation(_))
    }

    /// The last epoch of `before` is committed: what takes its place.
    pub(crate) fn take(&self, before: &Arc<Plan>) -> Option<Asked> {
        let mut state = self.lock();
        match std::mem::take(&mut *state) {
            State::Waiting(asked, answer) => {
                tracing::info!(
                    event = "change-begins",
                    "the manifest changes: {}",
                    asked.changes.told()
                );
                let plugins = asked.plugins();
                for (_, plugin) in &plugins {
                    plugin.begin_probation();
                }
                *state = State::OnProbation(Probation {
                    before: before.clone(),
                    changes: asked.changes.clone(),
                    plugins,
                    answer,
                });
                drop(state);
                fault_point("before-change");
                Some(*asked)
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// All of an epoch is computed: plugins of a plan on probation have stood it.
    ///
    /// # Errors
    /// `Aborted` if one of them was taken back by now: the plan before computes the epoch again.
    pub(crate) fn computed(&self) -> Result<(), Error> {
        let State::OnProbation(probation) = &*self.lock() else {
            return Ok(());
        };
        probation.plugins.iter().try_for_each(|(name, plugin)| {
            let proven = plugin.end_probation();
            proven.map_err(|fault| Error::aborted(format!("node `{name}`: {fault}")))
        })
    }

    /// An epoch has happened: a plan on probation stays from now on, and the one before is no
    /// longer needed.
    pub(crate) fn recorded(&self, epoch: u64) -> Option<Arc<Plan>> {
        let mut state = self.lock();
        let probation = match std::mem::take(&mut *state) {
            State::OnProbation(probation) => probation,
            other => {
                *state = other;
                return None;
            }
        };
        drop(state);
        fault_point("after-record-of-change");
        self.taken_over.fetch_add(1, Ordering::Relaxed);
        tracing::info!(
            event = "change-stays",
            epoch,
            "epoch {epoch} is recorded, and the changed manifest stays"
        );
        let _ = probation.answer.send(Ok(Reloaded::Runs {
            from: epoch,
            pause: None,
        }));
        Some(probation.before)
    }

    /// An attempt has failed: if it was one of a plan on probation, the plan that goes on, and how
    /// the one that failed differs from it.
    pub(crate) fn failed(&self, error: &Error) -> Option<(Arc<Plan>, Changes)> {
        let mut state = self.lock();
        match std::mem::take(&mut *state) {
            State::OnProbation(probation) => {
                tracing::warn!(
                    event = "change-taken-back",
                    reason = error.to_string(),
                    "the change is taken back, and the manifest before goes on: {error}"
                );
                // Before whoever asked can look.
                self.taken_back.fetch_add(1, Ordering::Relaxed);
                let _ = probation
                    .answer
                    .send(Err(ControlError::TakenBack(error.to_string())));
                drop(state);
                fault_point("after-change-back");
                Some((probation.before, probation.changes))
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// How many manifests have taken over, and how many were taken back.
    pub(crate) fn outcomes(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.taken_over), read(&self.taken_back))
    }

    /// The run has ended: whoever waits is told.
    pub(crate) fn end(&self) {
        *self.lock() = State::Ended;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
