//! The start of a run over a checkpoint.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use azud_connect::{Recovery, Sink};
use azud_model::{Error, Partition, Position, Result, Watermark};
use azud_state::{Before, Checkpoint, Opened, Positions, Record, whole};

use super::fit::{Fit, NodeFit, anew, fit, former, keeps_positions, told_lost};
use super::handover::Handover;
use super::recorder::{KnownSource, KnownState, Recorder};
use super::spool::Spooled;
use super::states::states;
use crate::event_time::SourceTimes;
use crate::plan::{Plan, PlanCheckpoint};
use crate::run::{Attempt, Retry};

/// A checkpoint that is open, and what of it the run goes on with.
pub(crate) struct Resume {
    pub(crate) recorder: Recorder,
    /// The last epoch that happened, with all positions; `None` at a first start.
    pub(crate) last: Option<Record>,
    /// Nodes that may start anew.
    allow_reset: Vec<String>,
    /// Which attempt of the process it is.
    attempt: u64,
    /// Nodes that do.
    reset: Vec<String>,
    /// Sources whose event time does, by number: it is that of another column.
    anew: Vec<usize>,
    /// Sinks that are others than before: all was committed in what they were.
    moved: Vec<String>,
    /// Sinks that are another version of what they were.
    handover: Handover,
}

// === impl Resume ===

impl Resume {
    /// Takes the plan's checkpoint, for an attempt; `None` if it has none.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`], but that a full disk is waited for; `Invalid` if the record does not fit the plan.
    pub(crate) async fn open(
        plan: &Plan,
        allow_reset: &[String],
        attempt: &Attempt,
    ) -> Result<Option<Self>> {
        let Some(planned) = &plan.checkpoint else {
            return Ok(None);
        };
        let (opened, committed) = take(plan, planned, attempt).await?;
        let recorded = opened.last;
        let last = match &recorded {
            Some(recorded) => Some(with_positions(planned, recorded).await?),
            None => None,
        };
        for warning in &opened.warnings {
            tracing::warn!("{warning}");
        }
        let (mut reset, moved, handover) = match &last {
            Some(last) => {
                let storage = planned.storage.as_ref();
                let handover = Handover::find(plan, storage, last, committed).await;
                let fits = fit(plan, last, committed, &handover)?;
                check_names(plan, Some(last), allow_reset, attempt)?;
                let moved = fits.iter().filter(|one| matches!(one.fit, Fit::Changed(_)));
                let moved = moved.filter(|one| handover.of(&one.node).is_none());
                let moved: Vec<String> = moved.map(|one| one.node.clone()).collect();
                let reset = reset(&fits, allow_reset, &opened.checkpoint.place())?;
                (reset, moved, handover)
            }
            None => {
                check_names(plan, None, allow_reset, attempt)?;
                (Vec::new(), Vec::new(), Handover::default())
            }
        };
        // Those that do not fit may begin anew, else the run has been refused.
        let anew = last.as_ref().map_or_else(Vec::new, |last| anew(plan, last));
        let begins_anew = !reset.is_empty();
        if let Some(last) = &last {
            // Where the column of the event time is all that is another, positions stay.
            let kept = anew.iter().copied();
            let kept = kept.filter(|source| keeps_positions(plan, *source, last));
            let kept: Vec<&str> = kept.map(|source| plan.source_name(source)).collect();
            reset.retain(|node| !kept.contains(&node.as_str()));
        }
        // Once: what an attempt before this one has put there is not recorded yet.
        let may_put_aside = attempt.allows_reset && !attempt.is_change;
        if let Some(folder) = planned.location.folder().filter(|_| may_put_aside) {
            for node in &reset {
                put_journal_aside(folder, node)?;
            }
        }
        let keeps = |node: &str| !reset.iter().any(|reset| reset == node);
        let mut states = states(plan)?
            .into_iter()
            .map(|state| {
                let of = last.iter().flat_map(|last| &last.states);
                let mut of = of.filter(|before| keeps(&before.node));
                let before = of.find(|of| of.node == state.node && of.step == state.step);
                let of_anew = state.sources.iter().any(|from| anew.contains(&from.source));
                let reached = before.filter(|_| !of_anew);
                KnownState {
                    former: before.and_then(|before| former(&state, before)),
                    of: state,
                    files: before.map_or_else(Vec::new, |before| before.files.clone()),
                    forgotten_below: before.and_then(|before| before.forgotten_below),
                    reached: reached.map_or(Watermark::NONE, |before| Watermark {
                        time: before.watermark.unwrap_or(i64::MIN),
                        closed: before.closed.unwrap_or(i64::MIN),
                    }),
                }
            })
            .collect::<Vec<_>>();
        states.sort_by_key(|state| state.of.instance);
        let converts = states.iter().any(|state| state.former.is_some());
        let known = known_sources(recorded.as_ref(), last.as_ref(), keeps);
        let mut recorder = Recorder::new(plan, Arc::new(opened.checkpoint), states, known);
        if begins_anew || converts {
            recorder.must_record();
        }
        recorder.set_replayed(last.as_ref().and_then(|last| last.replayed));
        Ok(Some(Self {
            recorder,
            last,
            allow_reset: match attempt.allows_reset {
                true => allow_reset.to_vec(),
                false => Vec::new(),
            },
            attempt: attempt.number,
            reset,
            anew,
            moved,
            handover,
        }))
    }

    /// Where a source goes on; empty at a first start.
    pub(crate) fn positions(&self, source: &str) -> Vec<Position> {
        let sources = self.last.iter().flat_map(|last| &last.sources);
        let own = sources.filter(|of| of.node == source && !self.is_reset(source));
        own.flat_map(|of| &of.positions)
            .map(|position| Position {
                partition: Arc::new(Partition {
                    source: source.to_owned(),
                    name: position.partition.clone(),
                }),
                next: position.next.clone(),
            })
            .collect()
    }

    /// How far the event time of a source, which has this number, has come.
    pub(crate) fn times(&self, number: usize, source: &str) -> SourceTimes {
        let begins_anew = self.is_reset(source) || self.anew.contains(&number);
        let times = self.last.iter().flat_map(|last| &last.times);
        let mut own = times.filter(|of| of.node == source && !begins_anew);
        own.next().map_or(SourceTimes::NONE, SourceTimes::from)
    }

    /// What a sink is told before it opens.
    pub(crate) fn sink(&self, sink: &str) -> Result<Recovery> {
        let recorded = match &self.last {
            Some(last) if !self.is_reset(sink) && !self.moved.iter().any(|moved| moved == sink) => {
                last.of_sink(sink)?
            }
            _ => None,
        };
        Ok(Recovery {
            run: self.recorder.run().to_owned(),
            generation: self.recorder.checkpoint().generation(),
            epoch: self.last.as_ref().map(|last| last.epoch),
            last: recorded,
            allow_reset: self.allow_reset.iter().any(|name| name == sink),
        })
    }

    /// Whether the last epoch is for a sink's own component to commit: it has prepared it.
    pub(crate) fn is_own(&self, sink: &str) -> bool {
        self.handover.of(sink).is_none()
    }

    /// The component that commits the last epoch before the sink's own is told anything.
    pub(crate) fn take_predecessor(&mut self, sink: &str) -> Option<Arc<dyn Sink>> {
        self.handover.take(sink).filter(|_| !self.is_reset(sink))
    }

    /// A sink behind the checkpoint's spool.
    pub(crate) fn spooled(&self, name: &str, sink: Arc<dyn Sink>, schema: SchemaRef) -> Spooled {
        let checkpoint = self.recorder.checkpoint();
        let first = self.last.as_ref().map_or(0, |last| last.epoch + 1);
        // With the attempt: what an earlier one still writes has other names.
        let run = format!("{first:020}.{}-{}", self.attempt, checkpoint.generation());
        Spooled::new(name, sink, schema, checkpoint.storage().clone(), &run)
    }

    fn is_reset(&self, node: &str) -> bool {
        self.reset.iter().any(|reset| reset == node)
    }
}

/// The plan's checkpoint, once its place can be reached, and whether its last epoch is
/// known to be committed.
async fn take(plan: &Plan, planned: &PlanCheckpoint, attempt: &Attempt) -> Result<(Opened, bool)> {
    let storage = &planned.storage;
    let mut retry = Retry::new("the checkpoint");
    loop {
        let taken = async {
            let before = lock(attempt).clone();
            let (storage, retain) = (storage.clone(), planned.retain);
            let before = before.as_ref();
            let opened = Checkpoint::open_again(storage, &plan.name, retain, before).await?;
            let epoch = opened.last.as_ref().map(|last| last.epoch);
            *lock(attempt) = Some(opened.checkpoint.before(epoch));
            let committed = match &opened.last {
                Some(last) => opened.checkpoint.is_committed(last.epoch).await?,
                None => false,
            };
            Ok::<_, Error>((opened, committed))
        };
        match taken.await {
            Ok(taken) => return Ok(taken),
            Err(error) => retry.after(error).await?,
        }
    }
}

fn lock(attempt: &Attempt) -> MutexGuard<'_, Option<Before>> {
    attempt
        .before
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// The last record with all positions in it, once their files can be read.
async fn with_positions(planned: &PlanCheckpoint, record: &Record) -> Result<Record> {
    let mut retry = Retry::new("the checkpoint");
    loop {
        match whole(planned.storage.as_ref(), record).await {
            Ok(whole) => return Ok(whole),
            Err(error) => retry.after(error).await?,
        }
    }
}

/// What later records need not say again of the sources that go on.
fn known_sources(
    recorded: Option<&Record>,
    whole: Option<&Record>,
    keeps: impl Fn(&str) -> bool,
) -> BTreeMap<String, KnownSource> {
    let recorded = recorded.iter().flat_map(|record| &record.sources);
    let whole = whole.iter().flat_map(|record| &record.sources);
    let kept = recorded
        .zip(whole)
        .filter(|(source, _)| keeps(&source.node));
    kept.map(|(source, whole)| {
        let known = (Positions::new(source, whole), source.files.clone());
        (source.node.clone(), known)
    })
    .collect()
}

/// What the journal of a source still has is not what it gives when it starts anew.
fn put_journal_aside(checkpoint: &Path, node: &str) -> Result<()> {
    let journal = checkpoint.join("journal").join(node);
    if !journal.is_dir() {
        return Ok(());
    }
    let free = (1..).map(|number| journal.with_file_name(format!("{node}.reset-{number}")));
    let mut free = free.filter(|aside| !aside.exists());
    let aside = free
        .next()
        .unwrap_or_else(|| journal.with_extension("reset"));
    let (from, to) = (journal.display(), aside.display());
    tracing::warn!("the journal `{from}` is put aside as `{to}`");
    let renamed = std::fs::rename(&journal, &aside);
    renamed.map_err(|error| Error::invalid(format!("cannot rename `{from}`")).because(error))
}

/// The nodes that start anew, which all of those that do not fit may.
fn reset(fits: &[NodeFit], allowed: &[String], place: &str) -> Result<Vec<String>> {
    let mut reset = Vec::new();
    let mut refused = Vec::new();
    for NodeFit { node, fit } in fits {
        match fit {
            Fit::Lost(why) if allowed.contains(node) => {
                tracing::warn!("node `{node}` starts anew, as `--allow-reset {node}` says: {why}");
                reset.push(node.clone());
            }
            Fit::Lost(why) => refused.push((node, why)),
            Fit::Changed(how) => tracing::info!("node `{node}` goes on: {how}"),
            Fit::New => tracing::info!("node `{node}` is new, and starts empty"),
            Fit::Kept => {}
        }
    }
    if refused.is_empty() {
        for name in allowed.iter().filter(|name| !reset.contains(name)) {
            // A sink may still put aside what another run has left.
            tracing::info!("`--allow-reset {name}`: what is kept of it fits, and stays");
        }
        return Ok(reset);
    }
    Err(Error::invalid(format!(
        "the checkpoint `{place}` does not fit the manifest: {}",
        told_lost(&refused)
    )))
}

/// A name that is mistyped would allow nothing. A node may be in what is recorded only. Looked at
/// when the process starts: what begins anew is in no record after that.
fn check_names(
    plan: &Plan,
    last: Option<&Record>,
    allow_reset: &[String],
    attempt: &Attempt,
) -> Result<()> {
    if attempt.number > 0 {
        return Ok(());
    }
    let in_plan = |name: &str| plan.nodes.iter().any(|node| *node.name == *name);
    let in_record = |name: &str, last: &Record| {
        last.sources.iter().any(|source| source.node == name)
            || last.states.iter().any(|state| state.node == name)
            || last.sinks.iter().any(|sink| sink.node == name)
    };
    let is_known = |name: &str| in_plan(name) || last.is_some_and(|last| in_record(name, last));
    match allow_reset.iter().find(|name| !is_known(name)) {
        Some(name) => Err(Error::invalid(format!(
            "`--allow-reset {name}`: neither the manifest nor the checkpoint has such a node"
        ))),
        None => Ok(()),
    }
}
