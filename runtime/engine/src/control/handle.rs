//! The handle: where a run is, and what it tells of itself.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azud_manifest::Manifest;

use super::running::Running;
use crate::tap::Taps;
use crate::telemetry::{Observed, Readiness, Telemetry};

/// How long is waited for a run that is about to begin.
const BEGINS: Duration = Duration::from_secs(10);

/// Asks a pipeline that runs in this process; cheap to clone. Give it to
/// [`crate::RunOptions::control`]; until the run has begun, and after it, it answers
/// [`crate::ControlError::Ended`].
#[derive(Clone, Default)]
pub struct Control(Arc<Shared>);

/// Where a run is, and who waits for it to begin.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    begun: Condvar,
    /// Of all attempts and plans.
    taps: Arc<Taps>,
    telemetry: Arc<Telemetry>,
}

/// Where a run is.
#[derive(Default)]
enum State {
    #[default]
    Starting,
    Running(Running),
    Ended,
}

// === impl Control ===

impl Control {
    /// Of a pipeline of that name.
    pub fn of(name: &str) -> Self {
        let control = Self::default();
        control.0.telemetry.set_name(name);
        control
    }

    /// Whether a reload or a change is under way.
    pub fn is_busy(&self) -> bool {
        let running = self.running();
        running.is_some_and(|running| running.swaps.is_busy())
    }

    /// The manifest that runs.
    pub fn manifest(&self) -> Option<Arc<Manifest>> {
        Some(self.running()?.plan.manifest.clone())
    }

    /// Whether the run has not begun.
    pub fn is_starting(&self) -> bool {
        matches!(&*self.lock(), State::Starting)
    }

    /// Every node with a plugin: its name, the plugin's path and sha256.
    pub fn plugins(&self) -> Vec<(String, String, String)> {
        let running = self.running();
        let replaceable = running.iter().flat_map(|running| &running.replaceable);
        let first = replaceable.filter_map(|(name, of)| Some((name, of.first()?)));
        first
            .map(|(name, of)| (name.to_string(), of.plugin(), of.digest()))
            .collect()
    }

    /// What the run measures at this moment: also while an epoch hangs.
    pub fn observe(&self) -> Observed {
        self.0.telemetry.observe()
    }

    /// The same, and more, as metrics: the text of OpenMetrics 1.0.
    pub fn metrics(&self) -> String {
        self.0.telemetry.metrics(self.running().as_ref())
    }

    /// Whether it reads.
    pub fn readiness(&self) -> Readiness {
        match &*self.lock() {
            State::Ended => Readiness::NotReady("it has ended".to_owned()),
            State::Starting | State::Running(_) => self.0.telemetry.readiness(),
        }
    }

    /// Waits until the run has ended.
    ///
    /// # Errors
    /// Why it has failed, as its process tells.
    pub async fn ended(&self) -> Result<(), String> {
        self.0.telemetry.wait_for_end().await
    }

    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.0.telemetry
    }

    pub(crate) fn begin(&self, running: Running) {
        self.0.telemetry.begin(&running.plan);
        *self.lock() = State::Running(running);
        self.0.begun.notify_all();
    }

    pub(crate) fn end(&self) {
        if let State::Running(running) = std::mem::replace(&mut *self.lock(), State::Ended) {
            running.swaps.end();
            running.changing.end();
            running.replays.end();
        }
        self.0.taps.end();
        self.0.begun.notify_all();
    }

    /// Where rows can be looked at.
    pub(crate) fn taps(&self) -> &Arc<Taps> {
        &self.0.taps
    }

    /// The run, which is waited for where it is about to begin. Blocks.
    pub(crate) fn begun(&self) -> Option<Running> {
        let is_starting = |state: &mut State| matches!(state, State::Starting);
        let waited = self
            .0
            .begun
            .wait_timeout_while(self.lock(), BEGINS, is_starting);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.running()
    }

    pub(crate) fn running(&self) -> Option<Running> {
        self.lock().running()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    fn running(&self) -> Option<Running> {
        match self {
            Self::Running(running) => Some(running.clone()),
            Self::Starting | Self::Ended => None,
        }
    }
}
