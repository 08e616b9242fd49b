//! The call that a lane makes now.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use azud_model::{Clock, SystemClock};
use azud_sandbox::GuestError;

use super::plugin::PluginMeter;

/// When the call of each lane began, for whoever looks.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    clock: SystemClock,
    /// Locked by whoever looks, and when a lane begins.
    lanes: Mutex<Vec<Weak<Began>>>,
}

/// Microseconds after the start of the clock, and one more; 0 where nothing is called. Only the lane
/// writes it.
#[derive(Debug, Default)]
struct Began(AtomicU64);

/// Where one lane counts the calls that it makes.
#[derive(Debug)]
pub(crate) struct LaneMeter {
    meter: Arc<PluginMeter>,
    began: Arc<Began>,
}

// === impl UnderWay ===

impl UnderWay {
    fn lane(&self) -> Arc<Began> {
        let began: Arc<Began> = Arc::default();
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|lane| lane.strong_count() > 0);
        lanes.push(Arc::downgrade(&began));
        began
    }

    /// How long the longest call under way takes so far; `None` where there is none.
    pub(super) fn longest(&self) -> Option<Duration> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let began = lanes.iter().filter_map(Weak::upgrade);
        let began = began.filter_map(|began| began.0.load(Ordering::Relaxed).checked_sub(1));
        let first = Duration::from_micros(began.min()?);
        Some(self.clock.elapsed().saturating_sub(first))
    }
}

// === impl LaneMeter ===

impl LaneMeter {
    pub(crate) fn new(meter: Arc<PluginMeter>) -> Self {
        Self {
            began: meter.under_way.lane(),
            meter,
        }
    }

    /// Whether it counts there.
    pub(crate) fn is_of(&self, meter: &Arc<PluginMeter>) -> bool {
        Arc::ptr_eq(&self.meter, meter)
    }

    /// A call begins; answers when, for [`Self::ends`].
    pub(crate) fn begins(&self) -> Duration {
        let now = self.meter.under_way.clock.elapsed();
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.began
            .0
            .store(micros.saturating_add(1), Ordering::Relaxed);
        now
    }

    /// It has ended; its instance has so many bytes of memory now.
    pub(crate) fn ends<A>(&self, began: Duration, answer: &Result<A, GuestError>, memory: usize) {
        self.began.0.store(0, Ordering::Relaxed);
        let took = self.meter.under_way.clock.elapsed().saturating_sub(began);
        self.meter.called(took, answer, memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_call_of_all_lanes_is_shown_until_it_ends() {
        let meter: Arc<PluginMeter> = Arc::default();
        let longest = || meter.under_way.longest();
        let (first, second) = (LaneMeter::new(meter.clone()), LaneMeter::new(meter.clone()));
        assert_eq!(longest(), None);
        let began = first.begins();
        std::thread::sleep(Duration::from_millis(20));
        let later = second.begins();
        assert!(longest() >= Some(Duration::from_millis(20)));
        first.ends(began, &Ok(()), 1);
        assert!(longest().is_some());
        second.ends(later, &Ok(()), 1);
        assert_eq!(longest(), None);
        assert_eq!(meter.calls().count(), 2);
        // A lane that goes away in a call leaves nothing behind.
        first.begins();
        drop(first);
        assert_eq!(longest(), None);
    }
}
