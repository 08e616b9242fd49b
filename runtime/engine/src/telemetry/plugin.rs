//! What is measured of a plugin: by the lanes that call it, once a call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azud_sandbox::GuestError;

use super::histogram::{Durations, Histogram};
use super::under_way::UnderWay;

/// How a call failed, in few words: what the error says besides is in the log.
const KINDS: [&str; 6] = ["failed", "trapped", "deadline", "limit", "invalid", "other"];

/// All calls of a node's plugin, of whatever version, in all lanes and attempts.
#[derive(Debug, Default)]
pub(crate) struct PluginMeter {
    calls: Histogram,
    failures: [AtomicU64; KINDS.len()],
    memory: AtomicU64,
    pub(super) under_way: UnderWay,
}

/// Where the meter of a plugin is, for those who open its instances: a manifest that takes the
/// place of another goes on with the same.
#[derive(Debug, Default)]
pub(crate) struct MeterCell(Mutex<Arc<PluginMeter>>);

// === impl PluginMeter ===

impl PluginMeter {
    /// A call has ended; its instance has so many bytes of memory now.
    pub(super) fn called<A>(&self, took: Duration, answer: &Result<A, GuestError>, memory: usize) {
        self.calls.observe(took);
        let memory = memory as u64;
        // Written only where it grows: lanes share it.
        if memory > self.memory.load(Ordering::Relaxed) {
            self.memory.fetch_max(memory, Ordering::Relaxed);
        }
        let kind = answer.as_ref().err().map(kind);
        if let Some(failures) = kind.and_then(|kind| self.failures.get(kind)) {
            failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn calls(&self) -> Durations {
        self.calls.read()
    }

    /// Calls that failed, by kind: every kind there is.
    pub(super) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let failures = self.failures.iter();
        let failures = failures.map(|count| count.load(Ordering::Relaxed));
        KINDS.into_iter().zip(failures)
    }

    /// The most that an instance had at the end of a call, in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }
}

// === impl MeterCell ===

impl MeterCell {
    pub(crate) fn get(&self) -> Arc<PluginMeter> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set(&self, meter: Arc<PluginMeter>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = meter;
    }
}

/// The number of an error's kind in [`KINDS`].
fn kind(error: &GuestError) -> usize {
    match error {
        GuestError::Failed(_) | GuestError::Refused(_) => 0,
        GuestError::Trapped { .. } => 1,
        GuestError::Deadline { .. } | GuestError::Timeout { .. } => 2,
        GuestError::Memory { .. }
        | GuestError::Table { .. }
        | GuestError::Stack { .. }
        | GuestError::Handles { .. }
        | GuestError::Output { .. }
        | GuestError::Token { .. } => 3,
        GuestError::Invalid { .. } => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_kind_and_are_calls_too() {
        let meter = PluginMeter::default();
        let took = Duration::from_millis(1);
        meter.called(took, &Ok(()), 100);
        let failed = |error| meter.called::<()>(took, &Err(error), 50);
        failed(GuestError::Failed("no".to_owned()));
        failed(GuestError::Deadline { limit: took });
        failed(GuestError::Memory { limit: 1 });
        failed(GuestError::Stack { limit: 1 });
        failed(GuestError::Cancelled);
        assert_eq!(meter.calls().count(), 6);
        assert_eq!(meter.memory(), 100);
        let failures: Vec<_> = meter.failures().collect();
        let expected = [
            ("failed", 1),
            ("trapped", 0),
            ("deadline", 1),
            ("limit", 2),
            ("invalid", 0),
            ("other", 1),
        ];
        assert_eq!(failures, expected);
    }
}
