//! One attempt at a plan: opens sources and sinks, makes lanes and channels, runs until
//! the end or a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use azud_connect::{Sink, Source};
use azud_model::{Error, Position, Result, Watermark};
use crossbeam_channel::bounded;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::attempt::Attempt;
use super::chain::Chain;
use super::coordinator::Coordinator;
use super::counters::NodeCounters;
use super::in_band::InBand;
use super::lane::Lane;
use super::message::SinkMessage;
use super::open::Opened;
use super::open_reader::OpenReader;
use super::outlet::{Outlet, Shape};
use super::queues::{sink_queue, source_queue};
use super::reader::{self, CHUNKS_AHEAD, ReaderTask};
use super::reject::OnReject;
use super::rollback::RunOptions;
use super::slots;
use super::trigger::Trigger;
use super::wiring::Wiring;
use super::writer::{OUTPUTS_AHEAD, WriterTask};
use crate::event_time::{EventTimes, Moves, Reported, SourceTimes};
use crate::graph::Work;
use crate::plan::{Plan, encoded};
use crate::plugin::LeftOut;
use crate::recovery::Recorder;
use crate::telemetry::Wired;

/// How many commands may wait for a reader that waits for its lane: to look, a watermark, to stop.
const COMMANDS: usize = 4;

/// How many events may wait for the coordinator.
const EVENTS: usize = 64;

/// Stack of a lane: operators call each other, so its depth is that of the
/// longest way through a pipeline, which has at most `azud_manifest::MAX_NODES`.
const STACK: usize = 32 << 20;

/// How long readers and writers may take to end by themselves.
const GRACE: Duration = Duration::from_secs(5);

/// How long a plan that takes the place of another may take to open what it needs.
const PROBATION: Duration = Duration::from_secs(30);

/// An attempt that has come to its end.
pub(super) struct Ended {
    /// Where each partition goes on.
    pub(super) positions: Vec<Position>,
    /// Its readers, which could do so.
    pub(super) readers: Vec<OpenReader>,
}

// === impl Plan ===

impl Plan {
    /// Runs until the end or a failure, with readers that an attempt before it has `kept`: they stay
    /// there if it fails before it has begun; `None` if it was stopped before it had started.
    pub(super) fn attempt(
        &self,
        runtime: &Runtime,
        options: &mut RunOptions,
        attempt: &Arc<Attempt>,
        sources: &[Arc<dyn Source>],
        kept: &mut Vec<OpenReader>,
    ) -> Result<Option<Ended>> {
        let stop = options.stop.clone();
        let telemetry = options.control.telemetry().clone();
        let opened = runtime.block_on(async {
            tokio::select! {
                opened = self.open(&options.allow_reset, attempt, sources, kept) => opened,
                () = stop.requested() => Err(Error::closed("stopped before it started")),
                error = attempt.late(PROBATION) => Err(error),
            }
        });
        let Opened {
            recorder,
            last,
            sinks,
            times,
            readers,
            writers,
        } = match opened {
            Err(error)
                if error.kind() == azud_model::ErrorKind::Closed
                    && (options.stop.is_requested() || !attempt.changing.is_on_probation()) =>
            {
                return Ok(None);
            }
            opened => opened?,
        };
        let first = last.as_ref().map_or(0, |last| last.epoch + 1);
        let times = self.times(&times);
        let reached = self.reached(recorder.as_ref());
        let (events, event_receiver) = mpsc::channel(EVENTS);
        let counters: Vec<Arc<NodeCounters>> = self.nodes.iter().map(|_| Arc::default()).collect();
        let records = Arc::new(AtomicU64::new(0));
        let mut wiring = Wiring::new(self);
        let mut tasks: JoinSet<Option<OpenReader>> = JoinSet::new();
        let _guard = runtime.enter();
        let taps = options.control.taps().clone();
        taps.begin(self.nodes.iter().map(|node| &*node.name));
        let _left_out = LeftOut::tell(runtime.handle(), &self.logs);
        for table in &self.tables {
            table.rows.begin(runtime.handle());
        }

        let mut wired = Wired {
            counters: counters.clone(),
            queues: wiring.queues(self),
            lags: Vec::new(),
        };
        let mut controls = Vec::new();
        for lane in 0..self.lanes {
            // Room for two ends: see `Coordinator::finish`.
            let (sender, receiver) = bounded(2);
            controls.push(sender);
            wiring.feed(0, lane, receiver);
        }
        let mut commands = Vec::new();
        let committed = watch::Sender::new(0);
        for of in readers {
            let source = of.source;
            let (command_sender, command_receiver) = mpsc::channel(COMMANDS);
            let (lane, receiver) = reader::channel();
            let fed = of.number % self.lanes.max(1);
            wiring.feed(0, fed, receiver);
            let permits = Arc::new(Semaphore::new(CHUNKS_AHEAD));
            let node: Arc<str> = self.source_name(source).into();
            let lag = of.lag.clone().map(|lag| (node.clone(), lag));
            wired.lags.extend(lag);
            wired.queues.push(source_queue(node, fed, &permits));
            let times = self.reported(source);
            if let Some(mut partitions) = times.as_ref().and_then(|times| times.partitions()) {
                partitions.begin(commands.len());
            }
            let task = ReaderTask {
                number: commands.len(),
                name: format!("source `{}`", self.source_name(source)),
                instance: self.source_instance(source)?,
                of,
                lane,
                commands: command_receiver,
                committed: committed.subscribe(),
                events: events.clone(),
                times,
                records: records.clone(),
                progress: options.progress.clone(),
                meter: telemetry.source(self.source_name(source)),
                permits,
            };
            commands.push(command_sender);
            tasks.spawn(task.run());
        }
        let mut outlets: Vec<Vec<Option<Outlet>>> = Vec::new();
        for (sink, of_sink) in writers.into_iter().enumerate() {
            let mut lanes = Vec::new();
            for (lane, writer) in of_sink.into_iter().enumerate() {
                let (sender, outputs) = mpsc::channel::<SinkMessage>(OUTPUTS_AHEAD);
                wired
                    .queues
                    .push(sink_queue(self.sink_name(sink), lane, &sender));
                let task = WriterTask {
                    sink,
                    lane,
                    name: format!("sink `{}`", self.sink_name(sink)),
                    writer,
                    outputs,
                    events: events.clone(),
                };
                tasks.spawn(async {
                    task.run().await;
                    None
                });
                lanes.push(Some(Outlet::new(self.shape(sink)?, sender)));
            }
            outlets.push(lanes);
        }

        let restores = recorder.as_ref().map_or_else(Vec::new, Recorder::restores);
        let mut lanes = Vec::new();
        let mut taken = Vec::new();
        for stage in 0..self.topology.stages {
            for lane in 0..self.lanes {
                let slots = slots::slots(self, stage, lane, &counters, &mut outlets, &taps)?;
                let mut chain = Chain::new(
                    lane,
                    slots,
                    self.topology.instances.len(),
                    wiring.take_senders(stage, lane),
                    first,
                );
                if let Some(recorder) = &recorder {
                    chain.keep(|instance| recorder.is_kept(instance));
                }
                let own = restores.iter().filter(|one| chain.keeps(one.instance));
                let taken_here: Arc<AtomicU64> = Arc::default();
                if stage == 0 {
                    taken.push(taken_here.clone());
                }
                lanes.push(Lane {
                    taken: taken_here,
                    restoring: attempt.restoring.clone(),
                    restores: own.cloned().collect(),
                    reached: times.reached(),
                    reached_by: reached.clone(),
                    lane: (lane, self.lanes),
                    runtime: runtime.handle().clone(),
                    name: format!("lane {lane} of stage {stage}"),
                    chain,
                    inputs: wiring.take_inputs(stage, lane),
                    below: wiring.take_below(stage, lane),
                    events: events.clone(),
                });
            }
        }
        let wanted = lanes.iter().map(|lane| lane.chain.wanted()).collect();
        let keeping_lanes = lanes.iter().filter(|lane| lane.chain.keeps_state()).count();
        drop(wiring);
        drop(events);
        attempt.restoring.store(lanes.len(), Ordering::Release);
        telemetry.wire(wired);
        let threads = spawn(lanes)?;
        telemetry.runs(attempt.restoring.clone());
        let in_band = times.are_in_band().then(|| InBand::new(taken));
        let coordinator = Coordinator {
            in_band,
            name: self.name.clone(),
            trigger: self.trigger,
            clock: self.clock.clone(),
            stop,
            ended: vec![false; commands.len()],
            resting: vec![false; commands.len()],
            readers: commands,
            lanes: controls,
            events: event_receiver,
            records,
            sinks: (0..)
                .zip(sinks)
                .map(|(number, sink)| (self.sink_name(number).to_owned(), sink, self.lanes))
                .collect(),
            empty_epochs: self.empty_epochs(),
            wanted,
            nodes: self
                .nodes
                .iter()
                .map(|node| node.name.clone())
                .zip(counters.iter().cloned())
                .collect(),
            committed,
            on_epoch: &mut options.on_epoch,
            last_time_ms: last.as_ref().map(|last| last.time_ms),
            last_tick: None,
            reader_is_gone: false,
            recorder,
            keeping_lanes,
            first,
            sources: (0..)
                .zip(sources)
                .map(|(number, source)| (self.source_name(number).to_owned(), source.clone()))
                .collect(),
            attempt: attempt.clone(),
            times,
            closes_at_end: self.closes_at_end,
            swaps: attempt.swaps.clone(),
            changing: attempt.changing.clone(),
            replays: attempt.replays.clone(),
            telemetry: telemetry.clone(),
            can_compute_again: self.can_compute_again(),
            has_clock: self.vertices.iter().any(|vertex| vertex.by_clock),
        };
        let mut kept = Vec::new();
        let outcome = runtime.block_on(async {
            tokio::select! {
                outcome = coordinator.run() => outcome,
                panic = first_panic(&mut tasks, &mut kept) => Err(panic),
            }
        });
        // Who waits for another system need not wait any longer.
        self.cancel.cancel();
        // With the coordinator's channels closed, each part ends. What a writer has
        // begun it may finish: a roll back must not come in between.
        runtime.block_on(async {
            let ended = async {
                while let Some(ended) = tasks.join_next().await {
                    kept.extend(ended.ok().flatten());
                }
            };
            if tokio::time::timeout(GRACE, ended).await.is_err() {
                tasks.shutdown().await;
            }
        });
        for thread in threads {
            // A lane reports its panics itself.
            let _ = thread.join();
        }
        self.tell_dropped(&counters);
        let readers = kept;
        outcome.map(|positions| Some(Ended { positions, readers }))
    }

    /// The event times of the sources, going on with what is known of them.
    fn times(&self, known: &[SourceTimes]) -> EventTimes {
        let known = |source: usize| known.get(source).copied().unwrap_or(SourceTimes::NONE);
        let plans = self.sources.iter().map(|source| source.time.clone());
        let moves = match self.trigger {
            Trigger::Continuous(_) => Moves::InBand,
            Trigger::Once | Trigger::Every(_) | Trigger::Steps { .. } => Moves::BetweenEpochs,
        };
        let plans = plans.inspect(|time| {
            if let Some(time) = time {
                time.reported.reset(moves == Moves::InBand);
            }
        });
        EventTimes::new(plans, known, moves, self.clock.elapsed())
    }

    /// Where a source's reader tells that something has come.
    fn reported(&self, source: usize) -> Option<Arc<Reported>> {
        let time = self.sources.get(source)?.time.as_ref()?;
        Some(time.reported.clone())
    }

    /// How far the event time of instances with state, and of those that take late rows out
    /// for them, had come: their sources may be others now, and what is closed stays closed.
    fn reached(&self, recorder: Option<&Recorder>) -> Vec<(usize, Watermark)> {
        let of = |instance: usize| self.topology.instances.get(instance).map(|of| of.vertex);
        let mut reached = Vec::new();
        for (kept, watermark) in recorder.into_iter().flat_map(Recorder::reached) {
            reached.push((kept, watermark));
            let instances = self.topology.instances.iter().enumerate();
            let before = instances.filter(|(_, instance)| {
                let vertex = self.vertices.get(instance.vertex);
                vertex.is_some_and(|vertex| vertex.serves.is_some() && vertex.serves == of(kept))
            });
            reached.extend(before.map(|(number, _)| (number, watermark)));
        }
        reached
    }

    /// Whether epochs end also where no record came.
    fn empty_epochs(&self) -> bool {
        let any = |wants: fn(&dyn Sink) -> bool| self.sinks.iter().any(|plan| wants(&*plan.sink));
        match self.trigger {
            Trigger::Once | Trigger::Steps { .. } => false,
            Trigger::Continuous(_) => any(|sink| sink.wants_ticks()),
            Trigger::Every(_) => any(|sink| sink.wants_empty_epochs() || sink.wants_ticks()),
        }
    }

    /// What `on_error: drop` dropped is told once, so that it is not lost unseen.
    fn tell_dropped(&self, counters: &[Arc<NodeCounters>]) {
        for (node, counters) in self.nodes.iter().zip(counters) {
            let (name, rejected) = (&node.name, counters.read().rejected);
            if node.on_reject == OnReject::Drop && rejected > 0 {
                tracing::warn!(
                    "node `{name}` dropped {rejected} rows that it could not process \
                     (`on_error: drop`); a sink that reads `{name}.rejected` would show them"
                );
            }
        }
    }

    /// In which shape a sink is given its rows.
    fn shape(&self, sink: usize) -> Result<Shape> {
        let Some((plan, format)) = self
            .sinks
            .get(sink)
            .and_then(|plan| Some((plan, plan.encode.as_ref()?)))
        else {
            return Ok(Shape::Rows);
        };
        let encoder = format.encoder(&encoded(&plan.schema, plan.records.as_ref())?)?;
        match &plan.records {
            Some(columns) => {
                Shape::records(encoder, columns.clone(), &plan.schema, plan.sink.clone())
            }
            None => Ok(Shape::Encoded(encoder)),
        }
    }

    fn source_instance(&self, source: usize) -> Result<usize> {
        let is_it = |vertex: usize| {
            let vertex = self.vertices.get(vertex);
            vertex.is_some_and(
                |vertex| matches!(vertex.work, Work::Source(number) if number == source),
            )
        };
        let found = self
            .topology
            .instances
            .iter()
            .position(|instance| is_it(instance.vertex));
        found.ok_or_else(|| Error::internal("a source has no instance"))
    }
}

/// Waits for a reader or writer that panics: it cannot tell the coordinator.
async fn first_panic(tasks: &mut JoinSet<Option<OpenReader>>, kept: &mut Vec<OpenReader>) -> Error {
    loop {
        match tasks.join_next().await {
            Some(Err(error)) => {
                let what = "a reader or writer panicked: this is a mistake in azud itself";
                return Error::internal(what).because(error);
            }
            Some(Ok(reader)) => kept.extend(reader),
            None => std::future::pending::<()>().await,
        }
    }
}

fn spawn(lanes: Vec<Lane>) -> Result<Vec<std::thread::JoinHandle<()>>> {
    let mut threads = Vec::new();
    for lane in lanes {
        let thread = std::thread::Builder::new()
            .name(lane.name.clone())
            .stack_size(STACK)
            .spawn(move || lane.run())
            .map_err(|error| Error::internal("cannot start a lane").because(error))?;
        threads.push(thread);
    }
    Ok(threads)
}
