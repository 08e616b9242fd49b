//! The watermarks of a pipeline, from epoch to epoch.

use std::sync::Arc;
use std::time::Duration;

use azud_model::Watermark;
use azud_state::{PartitionTime, TimeRecord};

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

/// When watermarks move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moves {
    /// Between epochs, with the latest row of the source.
    BetweenEpochs,
    /// Whenever [`EventTimes::look`] is called, with the slowest partition.
    InBand,
}

/// The event times of all sources.
#[derive(Debug)]
pub(crate) struct EventTimes {
    sources: Vec<Option<Source>>,
    moves: Moves,
    /// What lanes were told last.
    told: Option<Watermarks>,
    /// When the last epoch ended, by the clock.
    clock: Watermark,
}

#[derive(Debug)]
struct Source {
    plan: PlanTime,
    times: SourceTimes,
    /// How far it had come by its slowest partition when anybody looked: never back, also within
    /// an epoch. Only where watermarks move in band.
    in_band: Watermark,
    /// Whether all its readers have ended.
    has_ended: bool,
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
        moves: Moves,
        now: Duration,
    ) -> Self {
        let sources = plans.enumerate().map(|(number, plan)| {
            plan.map(|plan| Source {
                plan,
                times: known(number),
                in_band: Watermark::NONE,
                has_ended: false,
                records: 0,
                active: now,
                is_idle: false,
                was_idle: false,
            })
        });
        Self {
            sources: sources.collect(),
            moves,
            told: None,
            clock: Watermark::NONE,
        }
    }

    /// Whether any source has event time.
    pub(crate) fn any(&self) -> bool {
        self.sources.iter().any(Option::is_some)
    }

    /// What the last epoch ended with; sources that were idle then are left out, unless all were.
    pub(crate) fn reached(&self) -> Watermarks {
        let all_idle = self.all(|source| source.was_idle);
        let counts = |source: &Source| !source.was_idle || all_idle;
        let reached = |source: &Source| counts(source).then_some(source.times.watermark);
        self.each(reached, self.clock)
    }

    /// Looks how far partitions have come by what readers have just said of them, so long after
    /// the run has started.
    pub(crate) fn look_at_partitions(&mut self, now: Duration) {
        for source in self.sources.iter_mut().flatten() {
            if let Some(mut partitions) = source.plan.reported.partitions() {
                let slowest = partitions.look(now, source.plan.idle);
                source.in_band = source.in_band.join(source.less_delay(slowest));
                source.has_ended = partitions.have_ended();
            }
        }
        self.look(now);
    }

    /// Looks which sources are idle, so long after the run has started.
    pub(crate) fn look(&mut self, now: Duration) {
        for source in self.sources.iter_mut().flatten() {
            let records = source.plan.reported.records();
            if source.records != records {
                (source.records, source.active) = (records, now);
            }
            let quiet = now.saturating_sub(source.active);
            source.is_idle = source.has_ended || source.plan.idle.is_some_and(|idle| quiet >= idle);
        }
    }

    /// What the next epoch ends with, at that time in milliseconds since 1970; idle sources are
    /// left out, unless all are.
    pub(crate) fn next(&self, time_ms: i64) -> Watermarks {
        self.moved(clock_at(time_ms))
    }

    /// What lanes are to be told within the epoch: `None` where watermarks move between epochs,
    /// and where they were told so.
    pub(crate) fn in_band(&mut self) -> Option<Watermarks> {
        if self.moves == Moves::BetweenEpochs {
            return None;
        }
        let moved = self.moved(self.clock);
        let told = self.told.take().unwrap_or_else(|| self.reached());
        self.told = Some(moved.clone());
        (moved != told).then_some(moved)
    }

    /// Whether lanes are told of watermarks within epochs.
    pub(crate) fn are_in_band(&self) -> bool {
        self.moves == Moves::InBand && self.any()
    }

    /// What an epoch ends with that closes everything.
    pub(crate) fn end(&self) -> Watermarks {
        self.each(|_| Some(Watermark::END), Watermark::END)
    }

    /// Whether the next epoch ends with another watermark than the last.
    pub(crate) fn moves(&self) -> bool {
        let mut sources = self.sources.iter().flatten();
        sources.any(|source| {
            let next = source.next(self.moves);
            next != source.times.watermark || source.is_idle && !source.was_idle
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
        let moves = self.moves;
        for source in self.sources.iter_mut().flatten() {
            let latest = source.latest();
            source.was_idle = source.is_idle && !closes;
            source.times.watermark = source.next(moves);
            source.times.latest = latest;
            if closes {
                // Nothing is left for an epoch without rows to close.
                source.times.watermark = source.next(Moves::BetweenEpochs);
                source.times.watermark.closed = latest;
            }
        }
        self.told = None;
    }

    /// What is known of every source that has event time, by its number.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (usize, SourceTimes)> {
        let sources = self.sources.iter().enumerate();
        sources.filter_map(|(number, source)| Some((number, source.as_ref()?.times)))
    }

    /// The partitions of a source that may give more; none where they are not told apart.
    pub(crate) fn partitions(&self, source: usize) -> Vec<PartitionTime> {
        let source = self.sources.get(source).and_then(Option::as_ref);
        let partitions = source.and_then(|source| source.plan.reported.partitions());
        partitions.map_or_else(Vec::new, |partitions| partitions.slowest())
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

    fn moved(&self, clock: Watermark) -> Watermarks {
        let all_idle = self.all(|source| source.is_idle);
        let counts = |source: &Source| !source.is_idle || all_idle;
        let next = |source: &Source| counts(source).then(|| source.next(self.moves));
        self.each(next, clock)
    }

    fn all(&self, is_so: impl Fn(&Source) -> bool) -> bool {
        self.sources.iter().flatten().all(is_so)
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

    /// Spark's rule: of what was seen before the epoch, the latest less the delay. In band: of
    /// what was seen up to now, that of the slowest partition less the delay.
    fn next(&self, moves: Moves) -> Watermark {
        let latest = Some(self.times.latest).filter(|latest| *latest > i64::MIN);
        self.times.watermark.join(match moves {
            Moves::BetweenEpochs => self.less_delay(latest),
            Moves::InBand => self.in_band,
        })
    }

    fn less_delay(&self, latest: Option<i64>) -> Watermark {
        Watermark {
            time: latest.map_or(i64::MIN, |latest| latest.saturating_sub(self.plan.delay)),
            ..Watermark::NONE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    fn plan(idle: Option<Duration>) -> PlanTime {
        PlanTime {
            column: "ts".to_owned(),
            delay: 10,
            idle,
            reported: Arc::default(),
        }
    }

    fn times(plans: impl IntoIterator<Item = PlanTime>, moves: Moves) -> EventTimes {
        let plans = [None].into_iter().chain(plans.into_iter().map(Some));
        EventTimes::new(plans, |_| SourceTimes::NONE, moves, Duration::ZERO)
    }

    /// One source with a delay of 10.
    fn one() -> (EventTimes, Arc<std::sync::atomic::AtomicI64>) {
        let plan = plan(None);
        let lane = plan.reported.lane();
        (times([plan], Moves::BetweenEpochs), lane)
    }

    fn time(watermarks: &Watermarks) -> i64 {
        assert_eq!(watermarks.first(), Some(&None));
        watermarks.get(1).unwrap().unwrap().time
    }

    #[test]
    fn the_watermark_moves_with_what_earlier_epochs_have_seen_and_never_back() {
        let (mut times, lane) = one();
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
        let second = Duration::from_secs(1);
        let (quiet, busy) = (plan(Some(60 * second)), plan(None));
        let reported = quiet.reported.clone();
        let lane = reported.lane();
        let partition = azud_model::Partition {
            source: "quiet".to_owned(),
            name: String::new(),
        };
        let mut times = times([quiet, busy], Moves::BetweenEpochs);
        reported.came(0, &partition, 1);
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
        assert_eq!(times.reached().get(1), Some(&None));
        assert!(!times.moves(), "and are told once");
        reported.came(0, &partition, 1);
        times.look(62 * second);
        assert_eq!(time(&times.next(0)), 5);
    }

    #[test]
    fn where_all_are_idle_none_steps_aside() {
        let second = Duration::from_secs(1);
        let plan = plan(Some(second));
        let lane = plan.reported.lane();
        let mut times = times([plan], Moves::BetweenEpochs);
        lane.store(15, Ordering::Release);
        times.look(2 * second);
        times.ended(0, false);
        assert_eq!(time(&times.next(0)), 5);
    }

    #[test]
    fn in_band_lanes_are_told_of_the_slowest_partition_when_it_moves() {
        let plan = plan(None);
        let reported = plan.reported.clone();
        reported.reset(true);
        reported.partitions().unwrap().begin(0);
        let mut times = times([plan], Moves::InBand);
        let give = |partition: &str, latest| {
            let partition = azud_model::Partition {
                source: "clicks".to_owned(),
                name: partition.to_owned(),
            };
            reported.came(0, &partition, 1);
            let mut partitions = reported.partitions().unwrap();
            partitions.gave(&partition.name, Some(latest));
        };
        assert_eq!(times.in_band(), None);
        give("a", 100);
        assert_eq!(times.in_band(), None, "nobody has looked");
        times.look_at_partitions(Duration::ZERO);
        assert_eq!(times.in_band().map(|told| time(&told)), Some(90));
        assert_eq!(times.in_band(), None, "they were told");
        assert!(times.moves(), "what it closed has to be committed");
        give("b", 50);
        times.look_at_partitions(Duration::ZERO);
        assert_eq!(times.in_band(), None, "it never goes back");
        assert_eq!(time(&times.next(0)), 90);
        times.ended(0, false);
        assert_eq!(time(&times.reached()), 90);
        assert!(!times.moves());
        give("b", 120);
        give("a", 130);
        times.look_at_partitions(Duration::ZERO);
        assert_eq!(times.in_band().map(|told| time(&told)), Some(110));
    }

    #[test]
    fn what_the_end_of_input_has_closed_stays_closed() {
        let (mut times, lane) = one();
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
