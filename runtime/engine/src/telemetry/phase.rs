//! Whether a run reads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::run::Stop;

/// Whether a pipeline reads, or why it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It has begun, and reads.
    Ready,
    /// It does not, for this reason.
    NotReady(String),
}

/// Why a run stands still between two attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standstill {
    /// It is the first attempt.
    #[default]
    Starts,
    /// An epoch is rolled back.
    RollsBack,
    /// Another manifest takes over.
    Changes,
    /// A version of a plugin, or a manifest, is taken back.
    ChangesBack,
}

/// What is said of a run that was told to end.
const DRAINS: &str = "it drains: it was told to end, and its sources are read no more";

/// Where a run is.
#[derive(Debug)]
pub(super) struct RunPhase {
    state: Mutex<State>,
    /// Tells the run to end.
    stop: OnceLock<Stop>,
}

#[derive(Debug)]
enum State {
    Standing(Standstill),
    /// Lanes are at work; so many have not read their states yet.
    Running(Arc<AtomicUsize>),
}

// === impl Standstill ===

impl Standstill {
    const fn reason(self) -> &'static str {
        match self {
            Self::Starts => "it starts: the checkpoint, sinks and sources are opened",
            Self::RollsBack => "an epoch is rolled back, and computed again",
            Self::Changes => "it goes on with another manifest",
            Self::ChangesBack => "a change is taken back, and what ran before goes on",
        }
    }
}

// === impl RunPhase ===

impl RunPhase {
    /// The run ends when it is told to there.
    pub(super) fn ends_by(&self, stop: Stop) {
        // A run begins once.
        let _ = self.stop.set(stop);
    }

    /// It stands still until [`Self::runs`].
    pub(super) fn stands(&self, why: Standstill) {
        *self.lock() = State::Standing(why);
    }

    /// Lanes are at work; `restoring` of them have not read their states yet.
    pub(super) fn runs(&self, restoring: Arc<AtomicUsize>) {
        *self.lock() = State::Running(restoring);
    }

    pub(super) fn readiness(&self) -> Readiness {
        if self.stop.get().is_some_and(Stop::is_requested) {
            return Readiness::NotReady(DRAINS.to_owned());
        }
        match &*self.lock() {
            State::Standing(why) => Readiness::NotReady(why.reason().to_owned()),
            State::Running(restoring) => match restoring.load(Ordering::Acquire) {
                0 => Readiness::Ready,
                lanes => Readiness::NotReady(format!(
                    "it starts: {lanes} lanes read their states from the checkpoint"
                )),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for RunPhase {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::Standing(Standstill::default())),
            stop: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_once_all_lanes_have_their_states() {
        let phase = RunPhase::default();
        let why = |phase: &RunPhase| match phase.readiness() {
            Readiness::Ready => "ready".to_owned(),
            Readiness::NotReady(reason) => reason,
        };
        assert!(why(&phase).starts_with("it starts"));
        let restoring = Arc::new(AtomicUsize::new(2));
        phase.runs(restoring.clone());
        assert!(why(&phase).contains("2 lanes read their states"));
        restoring.store(0, Ordering::Release);
        assert_eq!(why(&phase), "ready");
        for still in [
            Standstill::RollsBack,
            Standstill::Changes,
            Standstill::ChangesBack,
        ] {
            phase.stands(still);
            assert_eq!(why(&phase), still.reason());
            phase.runs(restoring.clone());
            assert_eq!(why(&phase), "ready");
        }
        let stop = Stop::default();
        phase.ends_by(stop.clone());
        assert_eq!(why(&phase), "ready");
        stop.request();
        assert_eq!(why(&phase), DRAINS);
        phase.stands(Standstill::RollsBack);
        assert_eq!(why(&phase), DRAINS);
    }
}
