//! One version of a node's plugin.

use std::fmt::Display;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azud_sandbox::{OpenError, Plugin};

use super::versions::Opener;

/// Instances that nobody uses are kept for who comes next, but not more.
const MAX_READY: usize = 64;

/// A plugin as a node runs it, and instances of it that nobody has yet.
pub(crate) struct Version<T> {
    plugin: Plugin,
    open: Opener<T>,
    ready: Mutex<Vec<T>>,
    /// What lanes have replaced: they do not wait until it is torn down.
    replaced: Mutex<Vec<T>>,
    standing: AtomicU8,
    /// Why it was taken back.
    fault: Mutex<Option<String>>,
    /// How long the lane was busy with the swap that was so the longest: microseconds.
    pause: AtomicU64,
}

/// What is thought of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Standing {
    /// An epoch of it is recorded, or the pipeline began with it.
    Proven,
    /// None is yet: a failure takes it back, and the epoch is rolled back.
    OnProbation,
    /// The same where nothing can be computed again: a failure takes it back on the spot.
    OnProbationInPlace,
    /// It was taken back.
    Withdrawn,
}

// === impl Version ===

impl<T> Version<T> {
    pub(crate) fn new(plugin: Plugin, open: Opener<T>, ready: Vec<T>) -> Self {
        Self {
            plugin,
            open,
            ready: Mutex::new(ready),
            replaced: Mutex::default(),
            standing: AtomicU8::new(Standing::Proven as u8),
            fault: Mutex::default(),
            pause: AtomicU64::new(0),
        }
    }

    pub(crate) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// An instance: one that is ready, or a fresh one.
    pub(crate) fn instance(&self) -> Result<T, OpenError> {
        let ready = lock(&self.ready).pop();
        ready.map_or_else(|| (self.open)(&self.plugin), Ok)
    }

    /// Keeps an instance for whoever asks next.
    pub(super) fn give_back(&self, instance: T) {
        keep(&self.ready, instance);
    }

    /// A lane has another version's in its place: it is let go of by whoever ends the swap.
    pub(super) fn replaced(&self, instance: T) {
        keep(&self.replaced, instance);
    }

    /// Lets go of the instances that nobody has taken, and of those that were replaced.
    pub(super) fn clear(&self) {
        lock(&self.ready).clear();
        self.clear_replaced();
    }

    pub(super) fn clear_replaced(&self) {
        lock(&self.replaced).clear();
    }

    /// A lane has taken it, which took so long.
    pub(super) fn paused(&self, pause: Duration) {
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        self.pause.fetch_max(micros, Ordering::Relaxed);
    }

    /// The longest of those times.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_micros(self.pause.load(Ordering::Relaxed))
    }

    pub(super) fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Acquire) {
            0 => Standing::Proven,
            1 => Standing::OnProbation,
            2 => Standing::OnProbationInPlace,
            _ => Standing::Withdrawn,
        }
    }

    /// It is to take over.
    pub(super) fn set_on_probation(&self, standing: Standing) {
        *self.fault() = None;
        self.set(standing);
    }

    /// It stays, unless it was taken back: `false`.
    pub(super) fn prove(&self) -> bool {
        let fault = self.fault();
        if fault.is_none() {
            self.set(Standing::Proven);
        }
        fault.is_none()
    }

    /// Takes it back, unless it is proven by now: `false`. The first reason counts.
    pub(super) fn withdraw(&self, reason: &dyn Display) -> bool {
        let mut fault = self.fault();
        if self.standing() == Standing::Proven {
            return false;
        }
        fault.get_or_insert_with(|| reason.to_string());
        self.set(Standing::Withdrawn);
        true
    }

    /// The same, also where it is proven: another one that was to take over with it was not.
    pub(super) fn withdraw_with(&self, reason: &str) {
        self.fault().get_or_insert_with(|| reason.to_owned());
        self.set(Standing::Withdrawn);
    }

    /// Why it was taken back, if it was.
    pub(super) fn why_withdrawn(&self) -> Option<String> {
        self.fault().clone()
    }

    fn set(&self, standing: Standing) {
        self.standing.store(standing as u8, Ordering::Release);
    }

    /// Whoever changes the standing holds it.
    fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep<T>(instances: &Mutex<Vec<T>>, instance: T) {
    let mut instances = lock(instances);
    if instances.len() < MAX_READY {
        instances.push(instance);
    }
}

fn lock<T>(instances: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    instances.lock().unwrap_or_else(PoisonError::into_inner)
}
