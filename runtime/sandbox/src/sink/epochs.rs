//! The calls of a transactional sink: what was written is prepared, and then made
//! visible or rolled back.

use tokio_util::sync::CancellationToken;

use super::{Flushed, Sink};
use crate::{GuestError, World, limits::TOKEN};

/// These calls fail with [`GuestError::Start`] where [`Sink::is_transactional`] says no.
impl Sink {
    /// Whether the plugin exports `epochs`.
    pub fn is_transactional(&self) -> bool {
        self.plugin().is(World::TransactionalSink)
    }

    /// Rolls back what was prepared after the epoch `last`: the first call of every
    /// instance, before `write` or `commit`. `run` and `sink` say whose transactions
    /// these are.
    ///
    /// # Errors
    /// As [`Self::write`]: nothing is known then, and the next call opens a fresh instance.
    pub fn recover(
        &mut self,
        run: &str,
        sink: &str,
        last: Option<u64>,
    ) -> Result<Flushed, GuestError> {
        self.settled(|instance| instance.recover(run, sink, last))
    }

    /// Seals what was written since the last `prepare`. The token is all that
    /// [`Self::commit`] needs; a text says why the epoch fails.
    ///
    /// # Errors
    /// As [`Self::recover`], and [`GuestError::Token`] for a token of more than 1 MiB.
    pub fn prepare(&mut self, epoch: u64) -> Result<Result<Vec<u8>, String>, GuestError> {
        let mut instance = self.take_instance()?;
        let prepared = match instance.prepare(epoch)? {
            Ok(token) if token.len() > TOKEN => {
                return Err(GuestError::Token {
                    actual: token.len(),
                    limit: TOKEN,
                });
            }
            Ok(token) => Ok(token),
            Err(reason) => Err(instance.clean(&reason)),
        };
        self.instance = Some(instance);
        Ok(prepared)
    }

    /// Makes a prepared epoch visible, once, however often it is called.
    ///
    /// # Errors
    /// As [`Self::recover`].
    pub fn commit(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed, GuestError> {
        self.settled(|instance| instance.commit(epoch, token))
    }

    /// Rolls back a prepared epoch.
    ///
    /// # Errors
    /// As [`Self::recover`].
    pub fn abort(&mut self, epoch: u64, token: &[u8]) -> Result<Flushed, GuestError> {
        self.settled(|instance| instance.abort(epoch, token))
    }

    /// Drops the instance, with all that it holds: the next call opens a fresh one.
    pub fn renew(&mut self) {
        self.instance = None;
    }

    /// From now on another token gives up its calls: what has to be rolled back when
    /// the pipeline ends is called after the first one was cancelled.
    pub fn set_cancel(&mut self, cancel: CancellationToken) {
        if let Some(instance) = &mut self.instance {
            instance.set_cancel(cancel.clone());
        }
        self.setup.cancel = cancel;
    }
}
