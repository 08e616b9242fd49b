//! The versions of a node's plugin, shared by its lanes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use azud_sandbox::{GuestError, OpenError, Plugin, Sandbox, World};

use super::shadow::Shadow;
use super::swaps::short;
use super::version::{Standing, Version};
use crate::control::Component;
use crate::telemetry::MeterCell;

/// Opens an instance of a plugin as a node is configured: with its columns, limits, grants.
pub(crate) type Opener<T> = Arc<dyn Fn(&Plugin) -> Result<T, OpenError> + Send + Sync>;

/// Says why an instance cannot take the place of the one that runs.
pub(crate) type Fits<T> = Box<dyn Fn(&T) -> Result<(), String> + Send + Sync>;

/// Tries an instance on rows that the node was given; what comes of them is thrown away.
pub(crate) type Try<T> = fn(&mut T, &RecordBatch) -> Result<(), GuestError>;

/// What a version of a node's plugin has to be.
pub(crate) struct Terms<T> {
    /// The node, and the function where it calls several.
    pub(crate) name: Arc<str>,
    pub(crate) sandbox: Sandbox,
    pub(crate) world: World,
    /// The digest that the manifest pins.
    pub(crate) pinned: Option<String>,
    /// What the component may not import, and how a person says that: no grant says who may be reached.
    pub(crate) ungranted: Vec<(&'static str, &'static str, &'static str)>,
    pub(crate) open: Opener<T>,
    pub(crate) fits: Fits<T>,
    pub(crate) tries: Try<T>,
    /// Whether another version may be called beside it: its calls have no effect but their answers.
    pub(crate) can_shadow: bool,
    /// Bytes of memory that an instance has.
    pub(crate) memory: fn(&T) -> usize,
    /// How many instances a lane needs, that are opened ahead; 0 where they belong to an attempt.
    pub(crate) instances: usize,
}

/// The version that runs, and the one that is to take over.
pub(crate) struct Versions<T> {
    pub(super) terms: Terms<T>,
    cell: Mutex<Cell<T>>,
    /// Rows that the node was given: what a version is tried on.
    sample: Mutex<Option<RecordBatch>>,
    /// Where calls are counted.
    pub(super) meter: MeterCell,
    /// Whether a rejected row stops the pipeline.
    strict: AtomicBool,
    /// A version that runs beside the others, and whether there is one.
    beside: Mutex<Beside<T>>,
    has_shadow: AtomicBool,
}

/// What runs beside the version that serves.
struct Beside<T> {
    /// And what it was made of.
    runs: Option<(Arc<Shadow<T>>, Component)>,
    /// Why the last one has ended.
    ended: Option<String>,
}

struct Cell<T> {
    current: Arc<Version<T>>,
    /// And the first epoch that is its own.
    next: Option<(Arc<Version<T>>, u64)>,
}

// === impl Versions ===

impl<T> Versions<T> {
    /// `first` is an instance of the plugin that serves the first lane.
    pub(crate) fn new(terms: Terms<T>, plugin: Plugin, first: T) -> Self {
        let ready = if terms.instances > 0 {
            vec![first]
        } else {
            Vec::new()
        };
        let current = Version::new(plugin, terms.open.clone(), ready);
        Self {
            terms,
            cell: Mutex::new(Cell {
                current: Arc::new(current),
                next: None,
            }),
            sample: Mutex::default(),
            meter: MeterCell::default(),
            strict: AtomicBool::new(false),
            beside: Mutex::new(Beside {
                runs: None,
                ended: None,
            }),
            has_shadow: AtomicBool::new(false),
        }
    }

    /// The version that runs.
    pub(crate) fn current(&self) -> Arc<Version<T>> {
        self.lock().current.clone()
    }

    /// The version of an epoch.
    pub(crate) fn of(&self, epoch: u64) -> Arc<Version<T>> {
        let cell = self.lock();
        let next = cell.next.as_ref().filter(|(_, from)| *from <= epoch);
        let next = next.filter(|(next, _)| next.standing() != Standing::Withdrawn);
        next.map_or(&cell.current, |(next, _)| next).clone()
    }

    /// A version is to take over with an epoch. What runs beside the one before was compared with
    /// that, and ends.
    pub(super) fn arm(&self, next: Arc<Version<T>>, from: u64, standing: Standing) {
        next.set_on_probation(standing);
        let digest = next.plugin().digest().to_owned();
        self.lock().next = Some((next, from));
        self.end_shadow(&format!(
            "sha256 {} takes over with epoch {from}",
            short(&digest)
        ));
    }

    /// The one that was to take over has, and is proven.
    pub(super) fn settle(&self) {
        let mut cell = self.lock();
        let Some((next, _)) = cell.next.take() else {
            return;
        };
        let before = std::mem::replace(&mut cell.current, next);
        // No lane waits for that.
        drop(cell);
        before.clear();
    }

    /// The one that was to take over does not.
    pub(super) fn revert(&self) {
        let mut cell = self.lock();
        let (next, current) = (cell.next.take(), cell.current.clone());
        drop(cell);
        current.clear_replaced();
        drop(next);
    }

    /// Remembers rows that the node was given, where nobody else does so now.
    pub(super) fn show(&self, rows: RecordBatch) {
        if let Ok(mut sample) = self.sample.try_lock() {
            *sample = Some(rows);
        }
    }

    pub(super) fn sample(&self) -> Option<RecordBatch> {
        let sample = self.sample.lock();
        sample.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_strict(&self, strict: bool) {
        self.strict.store(strict, Ordering::Relaxed);
    }

    pub(super) fn is_strict(&self) -> bool {
        self.strict.load(Ordering::Relaxed)
    }

    /// What runs beside the others.
    pub(super) fn shadow(&self) -> Option<Arc<Shadow<T>>> {
        let has = self.has_shadow.load(Ordering::Relaxed);
        has.then(|| self.shadow_of().map(|(shadow, _)| shadow))?
    }

    /// The same, and what it was made of.
    pub(super) fn shadow_of(&self) -> Option<(Arc<Shadow<T>>, Component)> {
        self.beside().runs.clone()
    }

    /// Why there is none any more.
    pub(super) fn why_shadow_ended(&self) -> Option<String> {
        self.beside().ended.clone()
    }

    /// Lets it run beside the version that serves; `false` where another one is about to take over:
    /// lanes are then of both.
    pub(super) fn begin_shadow(&self, shadow: Shadow<T>, component: Component) -> bool {
        let cell = self.lock();
        if cell.next.is_some() {
            return false;
        }
        *self.beside() = Beside {
            runs: Some((Arc::new(shadow), component)),
            ended: None,
        };
        self.has_shadow.store(true, Ordering::Relaxed);
        true
    }

    /// Ends it, for this reason; `false` where there is none.
    pub(super) fn end_shadow(&self, why: &str) -> bool {
        let mut beside = self.beside();
        if beside.runs.take().is_none() {
            return false;
        }
        beside.ended = Some(why.to_owned());
        self.has_shadow.store(false, Ordering::Relaxed);
        drop(beside);
        let node = &self.terms.name;
        tracing::info!(
            event = "shadow-ends",
            node = &**node,
            reason = why,
            "node `{node}`: what ran beside its plugin has ended: {why}"
        );
        true
    }

    /// One has ended in another plan, for this reason.
    pub(super) fn tell_shadow_ended(&self, why: &str) {
        self.beside().ended = Some(why.to_owned());
    }

    fn beside(&self) -> MutexGuard<'_, Beside<T>> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Cell<T>> {
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
