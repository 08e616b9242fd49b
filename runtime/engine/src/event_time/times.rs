//! The watermarks of a pipeline, from epoch to epoch.

use std::sync::Arc;
use std::time::Duration;

use azud_model::Watermark;
use azud_state::TimeRecord;

use super::{PlanTime, Watermarks};
use crate::run::TimeReport;

/// What is known of a source's event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceTimes {
    /// The latest event time up to the end of the epoch; `i64::MIN` before the first row.
    pub(crate) latest: i64,
    /// The watermark that the epoch ended with.
    pub(crate) watermark: Watermark,
}

/// The event times of all sources.
#[derive(Debug)]
pub(crate) struct EventTimes {
    sources: Vec<Option<Source>>,
    /// When the last epoch ended, by the clock.
    clock: Watermark,
}

#[derive(Debug)]
struct Source {
    plan: PlanTime,
    times: SourceTimes,
    /// How many records had come when anybody last looked, and when they were more than before.
    records: u64,
    active: Duration,
    /// Whether it holds up nobody, and whether it did not in the last epoch.
    is_idle: bool,
    was_idle: bool,
}

// === impl SourceTimes ===

impl SourceTimes {
    /// Before the first epoch.
    pub(crate) const NONE: Self = Self {
        latest: i64::MIN,
        watermark: Watermark::NONE,
    };
}

impl From<&TimeRecord> for SourceTimes {
    fn from(record: &TimeRecord) -> Self {
        Self {
            latest: record.latest.unwrap_or(i64::MIN),
            watermark: Watermark {
                time: record.watermark.unwrap_or(i64::MIN),
                closed: record.closed.unwrap_or(i64::MIN),
            },
        }
    }
}

// === impl EventTimes ===

impl EventTimes {
    /// Goes on with what an earlier run has recorded of each source; `now` is what
    /// [`EventTimes::look`] is told later.
    pub(crate) fn new(
        plans: impl Iterator<Item = Option<PlanTime>>,
        known: impl Fn(usize) -> SourceTimes,
        now: Duration,
    ) -> Self {
        let sources = plans.enumerate().map(|(number, plan)| {
            plan.map(|plan| Source {
                plan,
                times: known(number),
                records: 0,
                active: now,
                is_idle: false,
                was_idle: false,
            })
        });
        Self {
            sources: sources.collect(),
            clock: Watermark::NONE,
        }
    }

    /// Whether any source has event time.
    pub(crate) fn any(&self) -> bool {
        self.sources.iter().any(Option::is_some)
    }

    /// What the last epoch ended with; sources that were idle then are left out.
    pub(crate) fn reached(&self) -> Watermarks {
        let reached = |source: &Source| (!source.was_idle).then_some(source.times.watermark);
        self.each(reached, self.clock)
    }

    /// Looks which sources are idle, so long after the run has started.
    pub(crate) fn look(&mut self, now: Duration) {
        for source in self.sources.iter_mut().flatten() {
            let records = source.plan.reported.records();
            if source.records != records {
                (source.records, source.active) = (records, now);
            }
            let quiet = now.saturating_sub(source.active);
            source.is_idle = source.plan.idle.is_some_and(|idle| quiet >= idle);
        }
    }

    /// What the next epoch ends with, at that time in milliseconds since 1970; idle sources are
    /// left out.
    pub(crate) fn next(&self, time_ms: i64) -> Watermarks {
        let next = |source: &Source| (!source.is_idle).then(|| source.next());
        self.each(next, clock_at(time_ms))
    }

    /// What an epoch ends with that closes everything.
    pub(crate) fn end(&self) -> Watermarks {
        self.each(|_| Some(Watermark::END), Watermark::END)
    }

    /// Whether the next epoch ends with another watermark than the last.
    pub(crate) fn moves(&self) -> bool {
        let mut sources = self.sources.iter().flatten();
        sources.any(|source| {
            source.next() != source.times.watermark || source.is_idle && !source.was_idle
        })
    }

    /// Whether rows have come since everything was closed.
    pub(crate) fn has_open(&self) -> bool {
        let mut sources = self.sources.iter().flatten();
        sources.any(|source| source.latest() > source.times.watermark.closed)
    }

    /// An epoch has ended, at that time: all its rows have been seen. With `closes` everything
    /// was closed.
    pub(crate) fn ended(&mut self, time_ms: i64, closes: bool) {
        self.clock = self.clock.join(clock_at(time_ms));
        for source in self.sources.iter_mut().flatten() {
            let latest = source.latest();
            source.was_idle = source.is_idle && !closes;
            source.times.watermark = source.next();
            source.times.latest = latest;
            if closes {
                // Nothing is left for an epoch without rows to close.
                source.times.watermark = source.next();
                source.times.watermark.closed = latest;
            }
        }
    }

    /// What is known of every source that has event time, by its number.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (usize, SourceTimes)> {
        let sources = self.sources.iter().enumerate();
        sources.filter_map(|(number, source)| Some((number, source.as_ref()?.times)))
    }

    /// How far every source that has event time had come when the last epoch ended.
    pub(crate) fn reports(&self, name: impl Fn(usize) -> String) -> Vec<TimeReport> {
        let sources = self.sources.iter().enumerate();
        let reports = sources.filter_map(|(number, source)| {
            let source = source.as_ref()?;
            let watermark = source.times.watermark;
            Some(TimeReport {
                source: name(number),
                watermark: (watermark.time > i64::MIN).then_some(watermark.time),
                idle: source.was_idle,
                closed: watermark.closed > i64::MIN,
            })
        });
        reports.collect()
    }

    fn each(
        &self,
        watermark: impl Fn(&Source) -> Option<Watermark>,
        clock: Watermark,
    ) -> Watermarks {
        let watermarks = self.sources.iter();
        let watermarks = watermarks.map(|source| source.as_ref().and_then(&watermark));
        Arc::from(watermarks.chain([Some(clock)]).collect::<Vec<_>>())
    }
}

/// What is processed from then on is not before it.
fn clock_at(time_ms: i64) -> Watermark {
    Watermark {
        time: time_ms.saturating_mul(1_000),
        ..Watermark::NONE
    }
}

// === impl Source ===

impl Source {
    fn latest(&self) -> i64 {
        self.times.latest.max(self.plan.reported.latest())
    }

    /// Spark's rule: of what was seen before the epoch, the latest less the delay.
    fn next(&self) -> Watermark {
        let time = match self.times.latest {
            i64::MIN => i64::MIN,
            latest => latest.saturating_sub(self.plan.delay),
        };
        self.times.watermark.join(Watermark {
            time,
            ..Watermark::NONE
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::event_time::Reported;

    fn times(delay: i64) -> (EventTimes, Arc<std::sync::atomic::AtomicI64>) {
        let reported = Arc::new(Reported::default());
        let lane = reported.lane();
        let plan = PlanTime {
            column: "ts".to_owned(),
            delay,
            idle: Some(Duration::from_secs(60)),
            reported,
        };
        let plans = [None, Some(plan)];
        (
            EventTimes::new(plans.into_iter(), |_| SourceTimes::NONE, Duration::ZERO),
            lane,
        )
    }

    fn time(watermarks: &Watermarks) -> i64 {
        assert_eq!(watermarks.first(), Some(&None));
        watermarks.get(1).unwrap().unwrap().time
    }

    #[test]
    fn the_watermark_moves_with_what_earlier_epochs_have_seen_and_never_back() {
        let (mut times, lane) = times(10);
        for (seen, during, moves) in [(15, i64::MIN, true), (12, 5, false), (40, 5, true)] {
            lane.store(seen, Ordering::Release);
            assert_eq!(time(&times.next(0)), during);
            times.ended(0, false);
            assert_eq!(time(&times.reached()), during);
            assert_eq!(times.moves(), moves, "{seen}");
        }
        times.ended(0, false);
        assert_eq!(time(&times.reached()), 30);
        assert!(!times.moves(), "an epoch without rows is the last");
    }

    #[test]
    fn an_idle_source_steps_aside_until_it_gives_a_row() {
        let (mut times, lane) = times(10);
        let reported = times.sources.get(1).and_then(Option::as_ref);
        let reported = reported.unwrap().plan.reported.clone();
        let second = Duration::from_secs(1);
        reported.came(1);
        lane.store(15, Ordering::Release);
        times.look(second);
        times.ended(0, false);
        times.ended(0, false);
        times.look(60 * second);
        assert_eq!(time(&times.next(0)), 5);
        assert!(!times.moves());
        times.look(61 * second);
        assert_eq!(times.next(0).get(1), Some(&None));
        assert!(times.moves(), "others may go on");
        times.ended(0, false);
        assert!(!times.moves(), "and are told once");
        reported.came(1);
        times.look(62 * second);
        assert_eq!(time(&times.next(0)), 5);
    }

    #[test]
    fn what_the_end_of_input_has_closed_stays_closed() {
        let (mut times, lane) = times(10);
        lane.store(15, Ordering::Release);
        assert!(times.has_open());
        times.ended(0, true);
        assert!(!times.has_open());
        assert!(
            !times.moves(),
            "a run over nothing new would record an epoch"
        );
        let known = times.sources().next().unwrap();
        assert_eq!((known.0, known.1.latest), (1, 15));
        assert_eq!(known.1.watermark.closed, 15);
        lane.store(16, Ordering::Release);
        assert!(times.has_open());
    }
}
