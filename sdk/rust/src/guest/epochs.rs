//! The glue between the export `epochs` and a [`TransactionalSink`].

use super::sink::{Flushed, Opened, to_flushed};
use crate::{Error, TransactionalSink};

pub use super::sink_bindings::exports::azud::plugin::epochs::{Guest, Identity};

// === impl Opened ===

impl<S: TransactionalSink> Opened<S> {
    /// The export `recover`.
    pub fn recover(&self, who: Identity, last: Option<u64>) -> Flushed {
        let who = crate::Identity {
            run: who.run,
            sink: who.sink,
        };
        self.settled(|sink| sink.recover(&who, last))
    }

    /// The export `prepare`.
    pub fn prepare(&self, epoch: u64) -> Result<Vec<u8>, String> {
        let prepared = self.with(|sink| sink.prepare(epoch).map_err(Error::into_reason));
        prepared.unwrap_or_else(|| Err("`prepare` was called before `open`".into()))
    }

    /// The export `commit`.
    pub fn commit(&self, epoch: u64, token: &[u8]) -> Flushed {
        self.settled(|sink| sink.commit(epoch, token))
    }

    /// The export `abort`.
    pub fn abort(&self, epoch: u64, token: &[u8]) -> Flushed {
        self.settled(|sink| sink.abort(epoch, token))
    }

    fn settled(&self, call: impl FnOnce(&mut S) -> crate::Result<crate::Flushed>) -> Flushed {
        match self.with(call) {
            Some(flushed) => to_flushed(flushed),
            None => Flushed::Failed("a sink is called before `open`".into()),
        }
    }
}
