//! The glue between the exports of a sink and a [`SinkInstance`].

use std::{cell::RefCell, time::Duration};

use super::{Batch, Field, from_wit, log_panics};
use crate::{Error, Sink, instance::SinkInstance};

pub use super::sink_bindings::exports::azud::plugin::sink::{Flushed, Guest, Outcome};

use super::sink_bindings::exports::azud::plugin::sink::{Partial, Rejected, Retry};

/// The sink of this instance, once `open` was called.
pub struct Opened<S>(RefCell<Option<SinkInstance<S>>>);

// === impl Opened ===

impl<S: Sink> Opened<S> {
    /// Not opened yet.
    #[expect(clippy::new_without_default, reason = "made by the macros only")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// The export `open`.
    pub fn open(&self, config: &str, input: Vec<Field>) -> Result<(), String> {
        log_panics();
        let input = input.into_iter().map(from_wit).collect();
        let instance = SinkInstance::open(config, input).map_err(Error::into_reason)?;
        self.0.replace(Some(instance));
        Ok(())
    }

    /// The export `write`.
    ///
    /// # Safety
    /// The batch is what the host sent for the schema that `open` was shown: its
    /// texts are not looked at again.
    pub unsafe fn write(&self, batch: Batch) -> Outcome {
        let mut opened = self.0.borrow_mut();
        let Some(instance) = opened.as_mut() else {
            return Outcome::Failed("`write` was called before `open`".into());
        };
        match instance.write(batch.rows as usize, &batch.buffers) {
            Ok(crate::Outcome::Accepted) => Outcome::Accepted,
            Ok(crate::Outcome::Partial(partial)) => Outcome::Partial(to_wit(partial)),
            Ok(crate::Outcome::RetryAfter(after, reason)) => {
                Outcome::RetryAfter(retry(after, reason))
            }
            Err(error) => Outcome::Failed(error.into_reason()),
        }
    }

    /// The export `flush`.
    pub fn flush(&self) -> Flushed {
        let mut opened = self.0.borrow_mut();
        let Some(instance) = opened.as_mut() else {
            return Flushed::Failed("`flush` was called before `open`".into());
        };
        to_flushed(instance.flush())
    }

    /// Calls the sink itself; `None` before `open`.
    pub(super) fn with<T>(&self, call: impl FnOnce(&mut S) -> T) -> Option<T> {
        let mut opened = self.0.borrow_mut();
        opened.as_mut().map(|instance| call(&mut instance.sink))
    }
}

/// What became of what was accepted, or prepared.
pub(super) fn to_flushed(flushed: crate::Result<crate::Flushed>) -> Flushed {
    match flushed {
        Ok(crate::Flushed::Done) => Flushed::Done,
        Ok(crate::Flushed::RetryAfter(after, reason)) => Flushed::RetryAfter(retry(after, reason)),
        Err(error) => Flushed::Failed(error.into_reason()),
    }
}

fn to_wit(partial: crate::Partial) -> Partial {
    let rejected = partial.rejected.into_iter().map(|(row, reason)| Rejected {
        row: number(row),
        reason,
    });
    Partial {
        rejected: rejected.collect(),
        retry: partial.retry.into_iter().map(number).collect(),
        after_ms: millis(partial.after),
    }
}

fn retry(after: Duration, reason: String) -> Retry {
    Retry {
        after_ms: millis(after),
        reason,
    }
}

/// A row's number. One that is too large is none of a batch: the host says so.
fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// Rounded up: a retry must not come before its time.
fn millis(duration: Duration) -> u32 {
    let millis = duration.as_micros().div_ceil(1_000);
    u32::try_from(millis).unwrap_or(u32::MAX)
}
