//! What a run measures, as families of metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::families::{
    BUILD, CHANGES, EPOCH_DURATION, EPOCHS, EVENT_TIME_LAG, INPUT_ROWS, LAST_COMMIT, LAST_EPOCH,
    LATE_ROWS, OUTPUT_ROWS, PLUGIN, PLUGIN_CALLS, PLUGIN_FAILURES, PLUGIN_MEMORY, QUEUE,
    QUEUE_CAPACITY, READY, RECORD_DURATION, REJECTED_ROWS, ROLLBACKS, SOURCE_BYTES, SOURCE_LAG,
    SOURCE_RECORDS, START_TIME, SWAPS, WATERMARK,
};
use super::measured::{Run, Telemetry};
use super::observed::RowCounts;
use super::page::{Page, Sample, Value};
use super::phase::Readiness;
use crate::control::Running;

// === impl Telemetry ===

impl Telemetry {
    /// All metrics of a run, as OpenMetrics; `running` is the run as it can be asked, while it is.
    pub(crate) fn metrics(&self, running: Option<&Running>) -> String {
        let mut page = Page::default();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        page.add(&BUILD, [(vec![version], Value::One)]);
        page.add(&START_TIME, [seconds(Vec::new(), self.started_ms)]);
        let is_ready = running.is_some() && self.readiness() == Readiness::Ready;
        let ready = Value::Number(f64::from(u8::from(is_ready)));
        page.add(&READY, [(Vec::new(), ready)]);
        let mut run = self.run();
        rows(&mut run, &mut page);
        sources(&run, running, &mut page);
        self.event_time(&run, &mut page);
        self.epochs(&run, &mut page);
        queues(&run, &mut page);
        plugins(&run, running, &mut page);
        page.text(&run.name)
    }

    fn event_time(&self, run: &Run, page: &mut Page) {
        let known = run.times.iter().filter_map(|time| {
            let millis = time.watermark? / 1_000;
            Some((vec![time.source.clone()], millis))
        });
        let known: Vec<_> = known.collect();
        let now = self.wall_ms();
        let lags = known.iter().map(|(labels, millis)| {
            let behind = now.saturating_sub(*millis);
            seconds(labels.clone(), behind)
        });
        page.add(
            &WATERMARK,
            known
                .iter()
                .map(|(of, millis)| seconds(of.clone(), *millis)),
        );
        page.add(&EVENT_TIME_LAG, lags);
    }

    fn epochs(&self, run: &Run, page: &mut Page) {
        let epochs = &self.epochs;
        page.add(&EPOCHS, [count(Vec::new(), epochs.count())]);
        page.add(&ROLLBACKS, [count(Vec::new(), epochs.rollbacks())]);
        let last = run.last.map(|last| last.number as f64);
        page.add(&LAST_EPOCH, last.map(|of| (Vec::new(), Value::Number(of))));
        let committed = epochs.last_ms();
        page.add(&LAST_COMMIT, committed.map(|ms| seconds(Vec::new(), ms)));
        let phases = epochs
            .phases()
            .map(|(phase, durations)| (vec![phase.name().to_owned()], Value::Durations(durations)));
        page.add(&EPOCH_DURATION, phases);
        let records = Some(epochs.records()).filter(|of| of.count() > 0);
        let records = records.map(|of| (Vec::new(), Value::Durations(of)));
        page.add(&RECORD_DURATION, records);
    }
}

fn rows(run: &mut Run, page: &mut Page) {
    let live: Vec<(String, RowCounts)> = run
        .nodes
        .iter_mut()
        .map(|node| (node.name.to_string(), node.live()))
        .collect();
    let each = |of: fn(&RowCounts) -> u64| {
        let rows = live.iter();
        let rows = rows.map(move |(name, rows)| count(node(name), of(rows)));
        rows.collect::<Vec<_>>()
    };
    page.add(&INPUT_ROWS, each(|rows| rows.rows_in));
    page.add(&OUTPUT_ROWS, each(|rows| rows.rows_out));
    page.add(&REJECTED_ROWS, each(|rows| rows.rejected));
    page.add(&LATE_ROWS, each(|rows| rows.late));
}

fn sources(run: &Run, running: Option<&Running>, page: &mut Page) {
    let is_source = |name: &str| {
        let plan = running.map(|running| &running.plan);
        plan.is_some_and(|plan| plan.source_number(name).is_some())
    };
    let sources = run.nodes.iter().filter(|node| is_source(&node.name));
    let sources: Vec<_> = sources.collect();
    let records = sources.iter();
    let records = records.map(|of| count(node(&of.name), of.source.records()));
    page.add(&SOURCE_RECORDS, records);
    let bytes = sources.iter();
    let bytes = bytes.map(|of| count(node(&of.name), of.source.bytes()));
    page.add(&SOURCE_BYTES, bytes);
    // A partition that has gone from one reader to another may be known to both.
    let mut behind: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (source, lag) in &run.wired.lags {
        for (partition, records) in lag.list() {
            let key = (source.to_string(), partition.name.clone());
            let known = behind.entry(key).or_default();
            *known = records.max(*known);
        }
    }
    let behind = behind.into_iter().map(|((source, partition), records)| {
        (vec![source, partition], Value::Number(records as f64))
    });
    page.add(&SOURCE_LAG, behind);
}

fn queues(run: &Run, page: &mut Page) {
    let mut lanes: BTreeMap<(Arc<str>, usize), (usize, usize)> = BTreeMap::new();
    for queue in &run.wired.queues {
        let lane = lanes.entry((queue.node.clone(), queue.lane)).or_default();
        lane.0 += (queue.fill)();
        lane.1 += queue.capacity;
    }
    let each = |of: fn((usize, usize)) -> usize| {
        let samples = lanes.iter().map(move |((name, lane), counts)| {
            let labels = vec![name.to_string(), lane.to_string()];
            (labels, Value::Number(of(*counts) as f64))
        });
        samples.collect::<Vec<_>>()
    };
    page.add(&QUEUE, each(|(waiting, _)| waiting));
    page.add(&QUEUE_CAPACITY, each(|(_, capacity)| capacity));
}

fn plugins(run: &Run, running: Option<&Running>, page: &mut Page) {
    let replaceable = running.iter().flat_map(|running| &running.replaceable);
    let versions = replaceable.filter_map(|(name, of)| {
        let sha256 = of.first()?.digest();
        let labels = vec![name.to_string(), sha256];
        Some((labels, Value::One))
    });
    page.add(&PLUGIN, versions);
    let meters = || run.plugins.iter();
    let calls = meters().map(|(name, meter)| {
        let calls = Value::Durations(meter.calls());
        (node(name), calls)
    });
    page.add(&PLUGIN_CALLS, calls);
    let failures = meters().flat_map(|(name, meter)| {
        meter.failures().map(move |(kind, failures)| {
            let labels = vec![name.to_string(), kind.to_owned()];
            count(labels, failures)
        })
    });
    page.add(&PLUGIN_FAILURES, failures);
    // A sink's is not asked for.
    let known = meters().filter(|(_, meter)| meter.memory() > 0);
    let memory = known.map(|(name, meter)| {
        let memory = Value::Number(meter.memory() as f64);
        (node(name), memory)
    });
    page.add(&PLUGIN_MEMORY, memory);
    let Some(running) = running else {
        return;
    };
    let (swaps, changes) = (running.swaps.outcomes(), running.changing.outcomes());
    page.add(&SWAPS, outcomes(swaps));
    page.add(&CHANGES, outcomes(changes));
}

/// How many have taken over, and how many were taken back.
fn outcomes((taken_over, taken_back): (u64, u64)) -> [Sample; 2] {
    [("taken-over", taken_over), ("taken-back", taken_back)].map(|(outcome, of)| {
        let labels = vec![outcome.to_owned()];
        count(labels, of)
    })
}

fn node(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

fn count(labels: Vec<String>, count: u64) -> Sample {
    (labels, Value::Count(count))
}

fn seconds(labels: Vec<String>, millis: i64) -> Sample {
    (labels, Value::Number(millis as f64 / 1e3))
}
