//! What a run measures, for as long as the process lives: over attempts, versions and manifests.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azud_connect::Lag;
use azud_model::{Clock, SystemClock};

use super::ending::Ending;
use super::epochs::Epochs;
use super::event_time::{self, Above, watermark};
use super::node::NodeRows;
use super::observed::{NodeObserved, Observed, PluginCalls, Queued};
use super::phase::{Readiness, RunPhase, Standstill};
use super::plugin::PluginMeter;
use super::queue::Queue;
use super::source::SourceMeter;
use crate::plan::Plan;
use crate::run::{Counts, EpochReport, NodeCounters, Stop, TimeReport};

/// What a run measures; one a run, asked by any thread.
#[derive(Debug)]
pub(crate) struct Telemetry {
    clock: SystemClock,
    /// When it was made: milliseconds since 1970.
    pub(super) started_ms: i64,
    pub(super) epochs: Epochs,
    phase: RunPhase,
    ending: Ending,
    run: Mutex<Run>,
}

/// What is read where an attempt keeps it.
#[derive(Default)]
pub(crate) struct Wired {
    /// Of every node, in the plan's order.
    pub(crate) counters: Vec<Arc<NodeCounters>>,
    pub(crate) queues: Vec<Queue>,
    /// Of every reader that knows it, with the source's name.
    pub(crate) lags: Vec<(Arc<str>, Arc<dyn Lag>)>,
}

/// What is locked: by whoever asks, when an epoch is committed, and when an attempt begins.
#[derive(Default)]
pub(super) struct Run {
    pub(super) name: String,
    /// In the manifest's order.
    pub(super) nodes: Vec<NodeRows>,
    /// By the names of what can be replaced: the node, or `node.function`.
    pub(super) plugins: BTreeMap<Arc<str>, Arc<PluginMeter>>,
    /// Those that the manifest before had and this one has not: it may come back.
    gone: Vec<NodeRows>,
    gone_plugins: BTreeMap<Arc<str>, Arc<PluginMeter>>,
    pub(super) wired: Wired,
    pub(super) last: Option<Last>,
    pub(super) times: Vec<TimeReport>,
    /// Of every node, the sources whose event time is its own.
    above: Vec<Vec<Above>>,
    records: u64,
}

/// The last epoch that was committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) number: u64,
    records_per_second: f64,
}

// === impl Telemetry ===

impl Default for Telemetry {
    fn default() -> Self {
        let clock = SystemClock::new();
        Self {
            started_ms: clock.wall_ms(),
            clock,
            epochs: Epochs::default(),
            phase: RunPhase::default(),
            ending: Ending::default(),
            run: Mutex::default(),
        }
    }
}

impl Telemetry {
    /// The pipeline is called so.
    pub(crate) fn set_name(&self, name: &str) {
        name.clone_into(&mut self.run().name);
    }

    /// A plan runs from now on, in place of another, maybe: nodes and plugins whose names stay
    /// count on.
    pub(crate) fn begin(&self, plan: &Plan) {
        let mut run = self.run();
        let run = &mut *run;
        plan.name().clone_into(&mut run.name);
        // Of those that are not there now, the manifest before has the only ones that are kept.
        let mut before = by_name(std::mem::take(&mut run.nodes));
        let mut gone = by_name(std::mem::take(&mut run.gone));
        let nodes = plan.nodes.iter().map(|node| {
            let found = before
                .remove(&node.name)
                .or_else(|| gone.remove(&node.name));
            found.unwrap_or_else(|| NodeRows::new(node.name.clone()))
        });
        run.nodes = nodes.collect();
        run.gone = before.into_values().collect();
        run.above = event_time::above(plan);
        let mut before = std::mem::take(&mut run.plugins);
        let mut gone = std::mem::take(&mut run.gone_plugins);
        for one in &plan.replaceable {
            // A query may call a function for several types: they have one name.
            let meter = run.plugins.entry(one.name.clone()).or_insert_with(|| {
                let found = before.remove(&one.name).or_else(|| gone.remove(&one.name));
                found.unwrap_or_default()
            });
            one.replaceable.set_meter(meter.clone());
        }
        run.gone_plugins = before;
    }

    /// An attempt is about to begin, whose figures are read there.
    pub(crate) fn wire(&self, wired: Wired) {
        let mut run = self.run();
        for (node, counters) in run.nodes.iter_mut().zip(&wired.counters) {
            node.begin(counters.clone());
        }
        run.wired = wired;
    }

    /// The run ends when it is told to there: it is not ready from then on.
    pub(crate) fn ends_by(&self, stop: Stop) {
        self.phase.ends_by(stop);
    }

    /// The run has ended, or failed for this reason.
    pub(crate) fn ended(&self, ended: Result<(), String>) {
        self.ending.tell(ended);
    }

    /// See `Control::ended`.
    pub(crate) async fn wait_for_end(&self) -> Result<(), String> {
        self.ending.told().await
    }

    /// Lanes are at work; `restoring` of them have not read their states yet.
    pub(crate) fn runs(&self, restoring: Arc<AtomicUsize>) {
        self.phase.runs(restoring);
    }

    /// An attempt has ended, and another one follows.
    pub(crate) fn stands(&self, why: Standstill) {
        if matches!(why, Standstill::RollsBack | Standstill::ChangesBack) {
            self.epochs.rolled_back();
        }
        self.phase.stands(why);
    }

    /// An epoch is committed. `counted` has every node's rows of it, in the plan's order; `times`
    /// are when it began, its end was called, all was prepared, and all was committed.
    pub(crate) fn committed(
        &self,
        report: &EpochReport,
        counted: impl Iterator<Item = Counts>,
        times: [Duration; 4],
    ) {
        self.epochs.committed(self.clock.wall_ms(), times);
        let mut run = self.run();
        for (node, counted) in run.nodes.iter_mut().zip(counted) {
            node.commit(counted);
        }
        run.records += report.num_input_rows;
        run.times.clone_from(&report.times);
        run.last = Some(Last {
            number: report.batch_id,
            records_per_second: report.processed_rows_per_second,
        });
    }

    /// The checkpoint has taken so long to record an epoch.
    pub(crate) fn recorded(&self, took: Duration) {
        self.epochs.recorded(took);
    }

    /// Where the readers of a source count.
    pub(crate) fn source(&self, name: &str) -> Arc<SourceMeter> {
        let run = self.run();
        let node = run.nodes.iter().find(|node| &*node.name == name);
        node.map(|node| node.source.clone()).unwrap_or_default()
    }

    pub(crate) fn readiness(&self) -> Readiness {
        self.phase.readiness()
    }

    pub(super) fn wall_ms(&self) -> i64 {
        self.clock.wall_ms()
    }

    /// The run at this moment.
    pub(crate) fn observe(&self) -> Observed {
        let mut run = self.run();
        let run = &mut *run;
        let above = run.above.iter().map(|above| watermark(above, &run.times));
        let nodes = run.nodes.iter_mut().zip(above);
        let nodes = nodes.map(|(node, watermark)| NodeObserved {
            name: node.name.to_string(),
            live: node.live(),
            committed: node.committed(),
            queue: queued(&run.wired.queues, &node.name),
            lag: lag(&run.wired.lags, &node.name),
            watermark,
            plugin: calls(&run.plugins, &node.name),
        });
        Observed {
            nodes: nodes.collect(),
            name: run.name.clone(),
            seconds: self.clock.elapsed().as_secs_f64(),
            epoch: run.last.map(|last| last.number),
            records: run.records,
            records_per_second: run.last.map_or(0.0, |last| last.records_per_second),
            times: run.times.clone(),
        }
    }

    pub(super) fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_name(nodes: Vec<NodeRows>) -> BTreeMap<Arc<str>, NodeRows> {
    nodes
        .into_iter()
        .map(|node| (node.name.clone(), node))
        .collect()
}

fn queued(queues: &[Queue], node: &Arc<str>) -> Option<Queued> {
    let own = queues.iter().filter(|queue| queue.node == *node);
    own.fold(None, |all, queue| {
        let all: Queued = all.unwrap_or_default();
        Some(Queued {
            waiting: all.waiting + (queue.fill)(),
            capacity: all.capacity + queue.capacity,
        })
    })
}

fn lag(lags: &[(Arc<str>, Arc<dyn Lag>)], node: &Arc<str>) -> Option<u64> {
    let own = lags.iter().filter(|(source, _)| source == node);
    let behind = own.flat_map(|(_, lag)| lag.list());
    behind.fold(None, |all, (_, records)| Some(all.unwrap_or(0) + records))
}

/// A query may call several.
fn calls(plugins: &BTreeMap<Arc<str>, Arc<PluginMeter>>, node: &str) -> Option<PluginCalls> {
    let is_own =
        |name: &str| name == node || name.split_once('.').is_some_and(|(of, _)| of == node);
    let own = plugins.iter().filter(|(name, _)| is_own(name));
    own.fold(None, |all, (_, meter)| {
        let all: PluginCalls = all.unwrap_or_default();
        let calls = meter.calls();
        let failures: u64 = meter.failures().map(|(_, count)| count).sum();
        Some(PluginCalls {
            calls: all.calls + calls.count(),
            failures: all.failures + failures,
            seconds: all.seconds + calls.sum,
            under_way_seconds: longest(all.under_way_seconds, meter.under_way.longest()),
        })
    })
}

fn longest(seconds: Option<f64>, call: Option<Duration>) -> Option<f64> {
    let both = seconds
        .into_iter()
        .chain(call.map(|call| call.as_secs_f64()));
    both.reduce(f64::max)
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("name", &self.name)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}
