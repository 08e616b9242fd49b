//! The coordinator: decides when an epoch ends, and commits it once every sink has prepared it.
//!
//! One epoch: readers read until the trigger; they stop and say where they are;
//! the epoch's end follows the last record through all lanes; every writer
//! prepares; the epoch is recorded; every sink commits. Only then can the next
//! one end, while its records already flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use azud_connect::{Prepared, Sink, Source};
use azud_model::{Clock, Epoch, Error, ErrorKind, Position, Result};
use tokio::sync::{mpsc, watch};

use super::attempt::Attempt;
use super::counters::{Counts, NodeCounters};
use super::in_band::InBand;
use super::message::{Change, Command, EpochEnd, Event, Message};
use super::report::{Durations, EpochReport, NodeReport};
use super::trigger::{Stop, Trigger};
use crate::change::Changing;
use crate::event_time::EventTimes;
use crate::recovery::Recorder;
use crate::replay::{Late, Replays};
use crate::swap::Swaps;
use crate::telemetry::Telemetry;

/// Some time.
const LATER: i64 = i64::MAX - 1;

/// Everything that the coordinator needs.
pub(super) struct Coordinator<'a> {
    pub(super) name: String,
    pub(super) trigger: Trigger,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: Stop,
    /// To every reader.
    pub(super) readers: Vec<mpsc::Sender<Command>>,
    /// To every lane of the first stage, for epoch ends.
    pub(super) lanes: Vec<crossbeam_channel::Sender<Message>>,
    pub(super) events: mpsc::Receiver<Event>,
    /// Records read since the epoch began.
    pub(super) records: Arc<AtomicU64>,
    /// Every sink, with its name and how many writers it has.
    pub(super) sinks: Vec<(String, Arc<dyn Sink>, usize)>,
    /// Whether a sink wants epochs without records.
    pub(super) empty_epochs: bool,
    /// When operators of each lane want an epoch to end, records or not: milliseconds since 1970.
    pub(super) wanted: Vec<Arc<AtomicI64>>,
    /// Every node's name and counts.
    pub(super) nodes: Vec<(Arc<str>, Arc<NodeCounters>)>,
    /// Which readers' sources have ended.
    pub(super) ended: Vec<bool>,
    /// Which readers have nothing more to give in this epoch.
    pub(super) resting: Vec<bool>,
    /// How many epochs are committed, for readers.
    pub(super) committed: watch::Sender<u64>,
    /// Called after every commit.
    pub(super) on_epoch: &'a mut (dyn FnMut(&EpochReport) + Send),
    /// The time of the last epoch.
    pub(super) last_time_ms: Option<i64>,
    /// The last tick of the trigger.
    pub(super) last_tick: Option<i64>,
    /// Whether a sink has found that nobody reads what it writes.
    pub(super) reader_is_gone: bool,
    /// Records epochs, where there is a checkpoint.
    pub(super) recorder: Option<Recorder>,
    /// How many lanes hand over what went into their states.
    pub(super) keeping_lanes: usize,
    /// The number of the first epoch of this run.
    pub(super) first: u64,
    /// Told of what is recorded and committed.
    pub(super) attempt: Arc<Attempt>,
    /// Every source, with its name.
    pub(super) sources: Vec<(String, Arc<dyn Source>)>,
    /// How far event time has come.
    pub(super) times: EventTimes,
    /// Whether the end of all input closes what is open.
    pub(super) closes_at_end: bool,
    /// Whether there are windows of the clock.
    pub(super) has_clock: bool,
    /// Where lanes are told of watermarks within epochs.
    pub(super) in_band: Option<InBand>,
    /// Versions of plugins that are to take over.
    pub(super) swaps: Arc<Swaps>,
    /// Another plan that is to take over.
    pub(super) changing: Arc<Changing>,
    /// Dead letters that are to be replayed.
    pub(super) replays: Arc<Replays>,
    /// Told of what is committed.
    pub(super) telemetry: Arc<Telemetry>,
    /// Whether an epoch that is rolled back can be computed again.
    pub(super) can_compute_again: bool,
}

/// What an epoch's end brought.
pub(super) struct Ended {
    /// For every sink, what its writers prepared, by lane.
    pub(super) prepared: Vec<Vec<Prepared>>,
    /// What went into states.
    pub(super) changes: Vec<Change>,
}

/// Why an epoch ended.
struct End {
    /// The tick, where one ended it.
    tick: Option<i64>,
    /// Whether the run was asked to stop.
    stopped: bool,
}

// === impl Coordinator ===

impl Coordinator<'_> {
    /// Runs epochs until the last; answers the positions after it.
    pub(super) async fn run(mut self) -> Result<Vec<Position>> {
        let outcome = match self.epochs().await {
            Err(error) if error.kind() == ErrorKind::Closed && !self.reader_is_gone => {
                Err(self.reason().await.unwrap_or_else(|| {
                    Error::internal("a part of the pipeline has stopped without a word")
                        .because(error)
                }))
            }
            outcome => outcome,
        };
        let hands_over = self.attempt.hands_over.load(Ordering::Acquire);
        if outcome.is_ok()
            && hands_over
            && let Some(recorder) = self.recorder.take()
        {
            // The next attempt merges files itself.
            recorder.close().await;
        }
        if let (Err(error), Some(recorder)) = (&outcome, self.recorder.take()) {
            // Whoever has taken the checkpoint over has rolled back what was ours: what sinks
            // have prepared now is not.
            if !recorder.is_owner().await {
                self.attempt.unsettled.store(true, Ordering::Release);
            }
            if error.kind() == ErrorKind::Aborted
                || self.swaps.is_on_probation()
                || self.changing.is_on_probation()
            {
                recorder.close().await;
            }
        }
        outcome
    }

    async fn epochs(&mut self) -> Result<Vec<Position>> {
        // Not what is counted by now: the lanes are at work already.
        let mut counts = vec![Counts::default(); self.nodes.len()];
        for number in self.first.. {
            let started = self.clock.elapsed();
            let end = self.wait_for_end().await?;
            let attempt = self.attempt.clone();
            let mut late = std::pin::pin!(attempt.late(PREPARES));
            let positions = tokio::select! {
                positions = self.stop_readers() => positions?,
                error = &mut late => return Err(error),
            };
            let input_rows = self.records.swap(0, Ordering::Relaxed);
            let all_ended = self.ended.iter().all(|ended| *ended);
            // What its rows close is closed by an epoch of its own.
            let is_followed = self.times.any() && !self.closes_at_end && input_rows > 0;
            let hands_over = !end.stopped && !all_ended && self.changing.is_waiting();
            let (replay, are_more) = self.replays.take();
            let epoch = Epoch {
                number,
                time_ms: self.time(end.tick),
                input_rows,
                last: end.stopped || hands_over || all_ended && !is_followed && !are_more,
            };
            let is_wanted = self.is_wanted(epoch.time_ms);
            let is_open = self.has_clock && self.is_wanted(LATER);
            let has_time = self.times.any() || self.has_clock;
            let closes = epoch.last && all_ended && self.closes_at_end && has_time;
            if self.in_band.is_some() {
                // Readers have said what they have when they stopped.
                self.times.look_at_partitions(self.clock.elapsed());
            }
            self.look();
            let end = EpochEnd {
                epoch,
                watermarks: match closes {
                    true => self.times.end(),
                    false => self.times.next(epoch.time_ms),
                },
                replay,
            };
            let cut = self.clock.elapsed();
            if !epoch.last {
                let can = self.can_compute_again;
                self.swaps.begin(epoch.number + 1, can);
            }
            self.finish(&end).await?;
            let ended = tokio::select! {
                ended = self.wait_for_prepared() => ended?,
                error = &mut late => return Err(error),
            };
            let prepared_at = self.clock.elapsed();
            let has_open = self.times.has_open() || is_open;
            let moves = is_wanted || self.times.moves() || closes && has_open;
            self.times.ended(epoch.time_ms, closes);
            let replayed = end.replay.as_ref().map(|replay| replay.after);
            let replayed = replayed.map(|after| (after, self.late(&counts)));
            let commit = self.commit(&epoch, &positions, ended, moves, replayed);
            if commit.await? {
                self.attempt.committed.fetch_add(1, Ordering::Release);
            }
            self.committed.send_replace(epoch.number + 1 - self.first);

            let now = self.counts();
            let times = [started, cut, prepared_at, self.clock.elapsed()];
            let report = self.report(&epoch, times, &counts, &now);
            let counted = now.iter().zip(&counts);
            let counted = counted.map(|(now, before)| now.since(*before));
            self.telemetry.committed(&report, counted, times);
            (self.on_epoch)(&report);
            counts = now;
            if epoch.last {
                self.attempt.hands_over.store(hands_over, Ordering::Release);
                return Ok(positions);
            }
        }
        Err(Error::internal("epochs ran out"))
    }

    /// The time of an epoch that ends now. Sinks name what they write by it, so it
    /// grows also where two end in a millisecond or the clock is set back.
    fn time(&mut self, tick: Option<i64>) -> i64 {
        let next = match (self.last_time_ms, tick) {
            (None, _) => i64::MIN,
            (Some(last), Some(_)) if !self.trigger.ends_when_full() => {
                last.saturating_add(self.trigger.interval_ms())
            }
            // Also after epochs that ended between two ticks.
            (Some(last), _) => last.saturating_add(1),
        };
        let time = tick.unwrap_or_else(|| self.clock.wall_ms()).max(next);
        self.last_time_ms = Some(time);
        time
    }

    /// Whether an operator wants an epoch that ends at a time.
    fn is_wanted(&self, time_ms: i64) -> bool {
        let mut wanted = self.wanted.iter();
        wanted.any(|wanted| wanted.load(Ordering::Relaxed) <= time_ms)
    }

    /// Whether somebody waits for an epoch, rows or not, to take over or to have done so.
    fn takes_over(&self) -> bool {
        self.swaps.is_waiting()
            || self.swaps.is_on_probation()
            || self.changing.is_waiting()
            || self.changing.is_on_probation()
    }

    /// Looks which sources are idle.
    fn look(&mut self) {
        if self.trigger.looks() {
            self.times.look(self.clock.elapsed());
        }
    }

    /// Waits until the trigger says that the epoch ends.
    async fn wait_for_end(&mut self) -> Result<End> {
        let stop = self.stop.clone();
        let mut tick = None;
        loop {
            let all = |flags: &[bool]| flags.iter().all(|flag| *flag);
            if all(&self.ended) || (all(&self.resting) && self.trigger.ends_when_full()) {
                return Ok(End {
                    tick: None,
                    // Readers may be full again before anybody looks for it below.
                    stopped: stop.is_requested(),
                });
            }
            let is_asked =
                self.swaps.is_waiting() || self.changing.is_waiting() || self.replays.is_waiting();
            if is_asked && self.trigger.ends_at_once() {
                return Ok(End {
                    tick: None,
                    stopped: stop.is_requested(),
                });
            }
            let now = self.clock.elapsed();
            // Kept while other things happen: the next one is not before it is over.
            if tick.is_none() {
                let next = self.trigger.next_tick(self.clock.as_ref(), self.last_tick);
                tick = next.map(|(tick, wait)| (tick, now + wait));
            }
            let ticked = async {
                match tick {
                    Some((_, at)) => tokio::time::sleep(at.saturating_sub(now)).await,
                    None => std::future::pending().await,
                }
            };
            if self.in_band.as_ref().is_some_and(InBand::is_answered) {
                self.tell_watermarks().await?;
            }
            let asks_in = self.in_band.as_ref().and_then(|in_band| in_band.wait(now));
            tokio::select! {
                () = stop.requested() => return Ok(End { tick: None, stopped: true }),
                event = self.events.recv() => self.note(event)?,
                () = self.swaps.asked() => {}
                () = self.changing.asked() => {}
                () = self.replays.asked() => {}
                () = tokio::time::sleep(asks_in.unwrap_or_default()), if asks_in.is_some() => {
                    self.ask_partitions().await?;
                }
                () = ticked => {
                    self.look();
                    let records = self.records.load(Ordering::Relaxed);
                    let asked = self.takes_over() || self.replays.is_waiting();
                    let wanted = self.is_wanted(self.clock.wall_ms()) || asked;
                    let ticked = tick.take().map(|(tick, _)| tick);
                    self.last_tick = ticked;
                    if records > 0 || self.empty_epochs || self.times.moves() || wanted {
                        return Ok(End { tick: ticked, stopped: false });
                    }
                }
            }
        }
    }

    /// Stops all readers; answers where each partition goes on.
    async fn stop_readers(&mut self) -> Result<Vec<Position>> {
        for reader in &self.readers {
            tell(reader, Command::Stop).await?;
        }
        let mut positions = Vec::new();
        let mut waiting = self.readers.len();
        while waiting > 0 {
            match self.events.recv().await {
                Some(Event::Stopped { positions: found }) => {
                    positions.extend(found);
                    waiting -= 1;
                }
                other => self.note(other)?,
            }
        }
        if let Some(in_band) = &mut self.in_band {
            in_band.forget();
        }
        Ok(positions)
    }

    /// Sends the epoch's end after the last record of every reader and to every lane.
    async fn finish(&mut self, end: &EpochEnd) -> Result<()> {
        self.resting.clone_from(&self.ended);
        for reader in &self.readers {
            tell(reader, Command::Finish(end.clone())).await?;
        }
        for lane in &self.lanes {
            // A lane's channel of epoch ends has room for two, and only one is ever under way.
            let sent = lane.try_send(Message::EpochEnd(end.clone()));
            sent.map_err(|_| Error::closed("a lane has stopped"))?;
        }
        Ok(())
    }

    /// Waits until every writer has prepared, and every lane has handed over its states.
    async fn wait_for_prepared(&mut self) -> Result<Ended> {
        let mut prepared = vec![Vec::new(); self.sinks.len()];
        let mut changes = Vec::new();
        let mut waiting: usize = self.sinks.iter().map(|(_, _, writers)| writers).sum();
        let mut keeping = self.keeping_lanes;
        while waiting > 0 || keeping > 0 {
            match self.events.recv().await {
                Some(Event::Changed(changed)) => {
                    changes.extend(changed);
                    keeping = keeping.saturating_sub(1);
                }
                Some(Event::Prepared {
                    sink,
                    prepared: one,
                }) => {
                    if let Some(of_sink) = prepared.get_mut(sink) {
                        of_sink.push(one);
                    }
                    waiting -= 1;
                }
                // The next epoch's records already flow.
                other => self.note(other)?,
            }
        }
        for of_sink in &mut prepared {
            of_sink.sort_by_key(|one| one.lane);
        }
        Ok(Ended { prepared, changes })
    }

    /// Remembers what a reader says of itself.
    fn note(&mut self, event: Option<Event>) -> Result<()> {
        match event {
            Some(Event::Full(reader)) => set(&mut self.resting, reader),
            Some(Event::Ended(reader)) => {
                set(&mut self.resting, reader);
                set(&mut self.ended, reader);
            }
            Some(Event::Looked) => {
                if let Some(in_band) = &mut self.in_band {
                    in_band.answered();
                }
            }
            Some(Event::Failed(error)) => return Err(error),
            Some(Event::Stopped { .. } | Event::Prepared { .. } | Event::Changed(_)) => {
                return Err(Error::internal("an event came out of order"));
            }
            None => return Err(Error::internal("everything stopped without a word")),
        }
        Ok(())
    }

    /// Why a part has stopped: its own word comes in another channel than its silence.
    async fn reason(&mut self) -> Option<Error> {
        let failed = async {
            loop {
                match self.events.recv().await {
                    Some(Event::Failed(error)) => return Some(error),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        tokio::time::timeout(REASON, failed).await.ok().flatten()
    }

    fn counts(&self) -> Vec<Counts> {
        self.nodes
            .iter()
            .map(|(_, counters)| counters.read())
            .collect()
    }

    /// Rows that came too late since then, by node.
    fn late(&self, before: &[Counts]) -> Late {
        let late = self.nodes.iter().zip(before).filter_map(|(node, before)| {
            let (name, counters) = node;
            let late = counters.read().since(*before).late;
            (late > 0).then(|| (name.clone(), late))
        });
        late.collect()
    }

    fn report(
        &self,
        epoch: &Epoch,
        times: [Duration; 4],
        before: &[Counts],
        now: &[Counts],
    ) -> EpochReport {
        let duration_ms = Durations::of(times);
        let seconds = duration_ms.trigger_execution as f64 / 1e3;
        let nodes = self.nodes.iter().zip(now.iter().zip(before));
        let nodes =
            nodes.map(|((name, _), (now, before))| NodeReport::of(name, now.since(*before)));
        EpochReport {
            name: self.name.clone(),
            timestamp: azud_model::iso_timestamp(epoch.time_ms),
            batch_id: epoch.number,
            num_input_rows: epoch.input_rows,
            processed_rows_per_second: epoch.input_rows as f64 / seconds.max(1e-3),
            duration_ms,
            nodes: nodes.collect(),
            times: self.times.reports(|source| {
                let name = self.sources.get(source).map(|(name, _)| name.clone());
                name.unwrap_or_default()
            }),
            time_moves: self.times.moves(),
        }
    }
}

/// How long the first epoch of a plan that takes the place of another may take from its end until
/// all of it is prepared, once lanes have their states.
const PREPARES: Duration = Duration::from_secs(30);

/// How long to wait for the reason why a part has stopped.
const REASON: Duration = Duration::from_secs(1);

fn set(flags: &mut [bool], number: usize) {
    if let Some(flag) = flags.get_mut(number) {
        *flag = true;
    }
}

pub(super) async fn tell(reader: &mpsc::Sender<Command>, command: Command) -> Result<()> {
    let sent = reader.send(command).await;
    sent.map_err(|_| Error::closed("a reader has stopped"))
}
