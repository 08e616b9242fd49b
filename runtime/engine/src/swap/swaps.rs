//! The swap that is under way in a run: waits for the end of an epoch, and for its first epoch to
//! be recorded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_connect::fault_point;
use azud_model::{Error, ErrorKind};
use tokio::sync::{Notify, oneshot};

use super::staged::Staged;
use crate::control::{ControlError, Reloaded};

/// What of a node is replaced, by the name that records have: the node, or `node.function`.
pub(crate) type Replacement = (Arc<str>, Box<dyn Staged>);

/// What whoever asked is told.
type Answer = oneshot::Sender<Result<Reloaded, ControlError>>;

/// So many attempts may fail before that is held against the new versions.
const OTHERS: u32 = 3;

/// Outlives attempts: what was asked for is still wanted after another one.
#[derive(Default)]
pub(crate) struct Swaps {
    state: Mutex<State>,
    asked: Notify,
    taken_over: AtomicU64,
    taken_back: AtomicU64,
}

#[derive(Default)]
struct State {
    under_way: Option<Swap>,
    /// Whether somebody makes one ready.
    is_reserved: bool,
    /// What the last one is that was reserved, in words.
    what: String,
    has_ended: bool,
}

/// The right to ask for a swap.
pub(crate) struct Slot<'a>(&'a Swaps);

struct Swap {
    replacements: Vec<Replacement>,
    /// The first epoch of the new versions, once lanes are told.
    from: Option<u64>,
    /// Whether they are proven: what is left is to tell whoever asked.
    is_settled: bool,
    /// How many attempts have failed meanwhile through no fault that is known to be theirs.
    failed: u32,
    answer: Answer,
}

// === impl Swaps ===

impl Swaps {
    /// The right to ask for a swap, which nobody else has until it is dropped; `what` it is, in
    /// words.
    ///
    /// # Errors
    /// `Busy` while another is under way, or somebody else has it.
    pub(crate) fn reserve(&self, what: &str) -> Result<Slot<'_>, ControlError> {
        let mut state = self.lock();
        if state.has_ended {
            return Err(ControlError::Ended);
        }
        if state.is_reserved || state.under_way.is_some() {
            return Err(ControlError::Busy(state.what.clone()));
        }
        state.is_reserved = true;
        what.clone_into(&mut state.what);
        Ok(Slot(self))
    }

    /// Whether it would be refused now.
    pub(crate) fn is_busy(&self) -> bool {
        let state = self.lock();
        state.is_reserved || state.under_way.is_some()
    }

    /// What is under way, or was last, in words.
    pub(crate) fn what(&self) -> String {
        self.lock().what.clone()
    }

    /// Asks for a swap.
    ///
    /// # Errors
    /// `Ended` if the run has meanwhile.
    pub(crate) fn ask(
        &self,
        slot: Slot<'_>,
        replacements: Vec<Replacement>,
    ) -> Result<oneshot::Receiver<Result<Reloaded, ControlError>>, ControlError> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        if state.has_ended {
            drop(state);
            return Err(ControlError::Ended);
        }
        state.under_way = Some(Swap {
            replacements,
            from: None,
            is_settled: false,
            failed: 0,
            answer,
        });
        drop(state);
        drop(slot);
        self.asked.notify_one();
        Ok(answered)
    }

    /// Waits until somebody asks.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Whether one waits for the end of an epoch.
    pub(crate) fn is_waiting(&self) -> bool {
        let state = self.lock();
        let mut swap = state.under_way.iter();
        swap.any(|swap| swap.from.is_none())
    }

    /// Lanes are about to be told that the epoch before `from` has ended.
    pub(crate) fn begin(&self, from: u64, can_compute_again: bool) {
        let mut state = self.lock();
        let swap = state.under_way.as_mut();
        let Some(swap) = swap.filter(|swap| swap.from.is_none()) else {
            return;
        };
        swap.from = Some(from);
        for (name, staged) in &swap.replacements {
            staged.arm(from, !can_compute_again);
            let (now, before) = (short(staged.digest()), short(staged.before()));
            tracing::info!(
                event = "swap-begins",
                node = &**name,
                version = now,
                before,
                epoch = from,
                "node `{name}`: sha256 {now} takes over from {before} with epoch {from}"
            );
        }
        fault_point("before-swap");
    }

    /// All of an epoch is computed. Where it is the first of new versions, these stay from now on,
    /// whatever comes; answers their digests.
    ///
    /// # Errors
    /// `Aborted` if one of them was taken back by now, in the epoch after it, say: the old ones
    /// compute both again. Where nothing can be, the old ones run by now.
    pub(crate) fn computed(
        &self,
        epoch: u64,
        can_compute_again: bool,
    ) -> Result<Vec<(Arc<str>, String)>, Error> {
        let mut state = self.lock();
        let Some(swap) = state.under_way.as_mut() else {
            return Ok(Vec::new());
        };
        if swap.is_settled || !swap.has_begun(epoch) {
            return Ok(Vec::new());
        }
        let all = swap.replacements.iter().all(|(_, staged)| staged.prove());
        if all {
            swap.is_settled = true;
            let replacements = swap.replacements.iter();
            let digests = replacements.map(|(name, staged)| {
                staged.settle();
                (name.clone(), staged.digest().to_owned())
            });
            return Ok(digests.collect());
        }
        let fault = swap.fault().unwrap_or_default();
        if can_compute_again {
            return Err(Error::aborted(fault));
        }
        if let Some(swap) = state.under_way.take() {
            self.take_back(swap, &fault);
        }
        Ok(Vec::new())
    }

    /// An epoch has happened.
    pub(crate) fn recorded(&self, epoch: u64) {
        let mut state = self.lock();
        let Some(swap) = state.under_way.take_if(|swap| swap.is_settled) else {
            return;
        };
        fault_point("after-record-of-swap");
        let versions = swap.replacements.len() as u64;
        self.taken_over.fetch_add(versions, Ordering::Relaxed);
        for (name, staged) in &swap.replacements {
            let (now, before) = (short(staged.digest()), short(staged.before()));
            let pause = u64::try_from(staged.pause().as_micros()).unwrap_or(u64::MAX);
            tracing::info!(
                event = "swap-stays",
                node = &**name,
                version = now,
                before,
                epoch,
                pause_us = pause,
                "node `{name}`: epoch {epoch} is recorded, and sha256 {now} stays; lanes were busy \
                 with the swap for {pause} us at most",
            );
        }
        let pause = swap.replacements.iter().map(|(_, staged)| staged.pause());
        let _ = swap.answer.send(Ok(Reloaded::Runs {
            from: epoch,
            pause: pause.max(),
        }));
    }

    /// Whether new versions are at work whose first epoch is not computed.
    pub(crate) fn is_on_probation(&self) -> bool {
        let state = self.lock();
        let mut swap = state.under_way.iter();
        swap.any(|swap| swap.from.is_some() && !swap.is_settled)
    }

    /// An attempt has failed. Answers whether that is held against new versions whose first epoch
    /// was not recorded, and it can be computed again (`may_blame`): the old ones do so. Else lanes
    /// begin with the old ones, and are told again.
    pub(crate) fn attempt_failed(&self, error: &Error, may_blame: bool) -> bool {
        let mut state = self.lock();
        let swap = state.under_way.as_mut();
        let Some(swap) = swap.filter(|swap| swap.from.is_some() && !swap.is_settled) else {
            return false;
        };
        let fault = swap.fault();
        let is_aborted = error.kind() == ErrorKind::Aborted;
        if !may_blame || fault.is_none() && is_aborted && swap.failed < OTHERS {
            // Somebody else's fault: lanes are told again in the next attempt.
            let replacements = swap.replacements.iter();
            replacements.for_each(|(_, staged)| staged.revert());
            swap.from = None;
            swap.failed += 1;
            return false;
        }
        if let Some(swap) = state.under_way.take() {
            self.take_back(swap, &fault.unwrap_or_else(|| error.to_string()));
        }
        true
    }

    fn take_back(&self, swap: Swap, reason: &str) {
        let versions = swap.replacements.len() as u64;
        self.taken_back.fetch_add(versions, Ordering::Relaxed);
        swap.take_back(reason);
    }

    /// How many versions have taken over, and how many were taken back.
    pub(crate) fn outcomes(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.taken_over), read(&self.taken_back))
    }

    /// The run has ended.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        if let Some(swap) = state.under_way.take() {
            let _ = swap.answer.send(Err(ControlError::Ended));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Swap ===

impl Swap {
    fn has_begun(&self, epoch: u64) -> bool {
        self.from.is_some_and(|from| from <= epoch)
    }

    fn fault(&self) -> Option<String> {
        self.replacements.iter().find_map(|(name, staged)| {
            let fault = staged.fault()?;
            Some(format!("node `{name}`: {fault}"))
        })
    }

    fn take_back(self, reason: &str) {
        for (name, staged) in &self.replacements {
            staged.withdraw(reason);
            staged.revert();
            let fault = staged.fault();
            let own = fault.as_deref().unwrap_or(reason);
            let (now, before) = (short(staged.digest()), short(staged.before()));
            tracing::warn!(
                event = "swap-taken-back",
                node = &**name,
                version = now,
                before,
                epoch = self.from,
                reason = own,
                "node `{name}`: sha256 {now} is taken back, and {before} goes on: {own}"
            );
        }
        fault_point("after-swap-back");
        let reason = reason.to_owned();
        let _ = self.answer.send(Err(ControlError::TakenBack(reason)));
    }
}

// === impl Slot ===

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.lock().is_reserved = false;
    }
}

/// As much of a digest as tells two apart.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
