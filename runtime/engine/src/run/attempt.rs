//! One attempt at a plan, as those know it who come before and after it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azud_model::Error;
use azud_state::Before;

use crate::change::Changing;
use crate::replay::Replays;
use crate::swap::Swaps;

/// How often it is looked whether lanes have their states.
const LOOKS: Duration = Duration::from_millis(100);

/// An attempt, and what is known of it once it has failed.
pub(crate) struct Attempt {
    /// From 0.
    pub(crate) number: u64,
    /// Whether `--allow-reset` counts: until sinks have been told where they are.
    pub(crate) allows_reset: bool,
    /// The checkpoint, which nobody else takes until the next attempt.
    pub(crate) before: Mutex<Option<Before>>,
    /// Whether sinks have been told where they are.
    pub(super) has_come_back: AtomicBool,
    /// Whether an epoch may be recorded and not committed: nothing may be rolled back then.
    /// So it is also until the checkpoint has told.
    pub(super) unsettled: AtomicBool,
    /// How many epochs it has committed.
    pub(super) committed: AtomicU64,
    /// How many lanes have not read their states yet.
    pub(super) restoring: Arc<AtomicUsize>,
    /// Whether it is the first one of a plan that takes the place of another: names and journals
    /// were looked at by then.
    pub(crate) is_change: bool,
    /// Whether it ended so that another plan takes over.
    pub(super) hands_over: AtomicBool,
    /// Versions of plugins that are to take over.
    pub(super) swaps: Arc<Swaps>,
    /// Another plan that is to take over.
    pub(super) changing: Arc<Changing>,
    /// Dead letters that are to be replayed.
    pub(super) replays: Arc<Replays>,
}

// === impl Attempt ===

impl Attempt {
    pub(super) fn first() -> Self {
        Self {
            number: 0,
            allows_reset: true,
            before: Mutex::default(),
            has_come_back: AtomicBool::new(false),
            unsettled: AtomicBool::new(true),
            committed: AtomicU64::new(0),
            restoring: Arc::default(),
            is_change: false,
            hands_over: AtomicBool::new(false),
            swaps: Arc::default(),
            changing: Arc::default(),
            replays: Arc::default(),
        }
    }

    pub(super) fn next(&self) -> Self {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let committed = self.committed.load(Ordering::Acquire);
        Self {
            number: self.number + 1,
            allows_reset: self.allows_reset && !self.has_come_back.load(Ordering::Acquire),
            before: Mutex::new(before.as_ref().map(|before| before.after(committed))),
            swaps: self.swaps.clone(),
            changing: self.changing.clone(),
            replays: self.replays.clone(),
            ..Self::first()
        }
    }

    /// Never answers, unless it is one of a plan that took the place of another and has recorded
    /// nothing yet: then after so long.
    pub(super) async fn late(&self, after: Duration) -> Error {
        if !self.changing.is_on_probation() {
            std::future::pending::<()>().await;
        }
        // How long that takes depends on what is kept.
        while self.restoring.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(LOOKS).await;
        }
        tokio::time::sleep(after).await;
        Error::aborted(format!(
            "a node of it was not ready within {} s",
            after.as_secs()
        ))
    }
}
