//! Trying again what failed because another system was away.

use azud_connect::Backoff;
use azud_model::{Error, ErrorKind, Result};

/// The pauses between the attempts at one thing.
pub(crate) struct Retry<'a> {
    what: &'a str,
    backoff: Backoff,
}

// === impl Retry ===

impl<'a> Retry<'a> {
    /// `what` is for the log: `sink out`.
    pub(crate) fn new(what: &'a str) -> Self {
        Self {
            what,
            backoff: Backoff::default(),
        }
    }

    /// After a failed attempt: waits if another one may succeed.
    ///
    /// # Errors
    /// The same error, unless it is `Unavailable`.
    pub(crate) async fn after(&mut self, error: Error) -> Result<()> {
        if error.kind() != ErrorKind::Unavailable {
            return Err(error);
        }
        let pause = self.backoff.pause();
        let what = self.what;
        tracing::warn!("{what}: {error}, trying again in {} ms", pause.as_millis());
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
