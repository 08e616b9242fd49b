//! Which attempt and which epoch a writer of a group's transaction may write for.
//!
//! All lanes write into one transaction. A lane that has prepared its part of an epoch may not send
//! rows of the next one before it is committed: they would be committed with positions that are
//! before them, and be there twice once they are read again.

use azud_model::{Error, Result};
use tokio::sync::watch;

/// How far the transactions of a member have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// How many attempts were given up.
    pub(super) attempt: u64,
    /// The last epoch that was committed.
    pub(super) committed: Option<u64>,
}

/// What a writer of one attempt is admitted by.
pub(super) struct Pass {
    progress: watch::Receiver<Progress>,
    attempt: u64,
    prepared: Option<u64>,
}

// === impl Pass ===

impl Pass {
    /// Of the attempt that is under way.
    pub(super) fn new(progress: watch::Receiver<Progress>) -> Self {
        let attempt = progress.borrow().attempt;
        Self {
            progress,
            attempt,
            prepared: None,
        }
    }

    /// The writer has no more rows of that epoch.
    pub(super) fn prepared(&mut self, epoch: u64) {
        self.prepared = Some(epoch);
    }

    /// Waits until rows of the writer's epoch may be sent; answers the attempt that they are of.
    ///
    /// # Errors
    /// `Aborted` if the attempt was given up.
    pub(super) async fn admitted(&mut self) -> Result<u64> {
        let (attempt, prepared) = (self.attempt, self.prepared.take());
        let is_over = |progress: &Progress| {
            progress.attempt != attempt || prepared.is_none() || progress.committed >= prepared
        };
        match self.progress.wait_for(is_over).await {
            Ok(progress) if progress.attempt == attempt => Ok(attempt),
            _ => Err(given_up()),
        }
    }
}

pub(super) fn given_up() -> Error {
    Error::aborted("the transaction was given up")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_lane_that_has_prepared_waits_for_the_commit_and_no_attempt_outlives_its_own() {
        let (tell, told) = watch::channel(Progress::default());
        let mut pass = Pass::new(told);
        assert_eq!(pass.admitted().await.unwrap(), 0);
        pass.prepared(0);
        let early = tokio::time::timeout(Duration::from_millis(20), pass.admitted());
        assert!(early.await.is_err(), "epoch 0 is not committed");
        pass.prepared(1);
        tell.send_modify(|progress| progress.committed = Some(0));
        let early = tokio::time::timeout(Duration::from_millis(20), pass.admitted());
        assert!(early.await.is_err(), "epoch 1 is not committed");
        pass.prepared(1);
        tell.send_modify(|progress| progress.committed = Some(1));
        assert_eq!(pass.admitted().await.unwrap(), 0);
        pass.prepared(2);
        tell.send_modify(|progress| progress.attempt = 1);
        let error = pass.admitted().await.unwrap_err();
        assert_eq!(error.kind(), azud_model::ErrorKind::Aborted);
        assert!(pass.admitted().await.is_err(), "and never again");
        assert_eq!(Pass::new(tell.subscribe()).admitted().await.unwrap(), 1);
    }
}
