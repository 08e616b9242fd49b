//! Giving up the calls of sink plugins, attempt by attempt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_sandbox::CancellationToken;

/// Cancelled at the end of each attempt at a plan, and renewed before the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Arc<Mutex<CancellationToken>>);

// === impl Cancel ===

impl Cancel {
    /// A token that is cancelled with the attempt which runs now.
    pub(crate) fn token(&self) -> CancellationToken {
        self.lock().child_token()
    }

    /// The attempt ends: who waits for another system need not wait any longer.
    pub(crate) fn cancel(&self) {
        self.lock().cancel();
    }

    /// Another attempt begins: whatever the one before has opened is given up.
    pub(crate) fn renew(&self) {
        let before = std::mem::take(&mut *self.lock());
        before.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, CancellationToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
