//! Records epochs: what changed, where sources are, what sinks prepared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use azud_connect::{Delivery, Prepared, Replay, fault_point};
use azud_model::{Epoch, Position, Result, Watermark};
use azud_state::{
    Checkpoint, Positions, PreparedRecord, Record, Replayed, SinkRecord, StateFile, StateRecord,
    Storage, TimeRecord,
};
use bytes::Bytes;

use super::files::{Files, Merges, Writes, written};
use super::restore::Restore;
use super::states::{PlanState, place};
use crate::event_time::{EventTimes, SourceTimes, Watermarks, of_sources};
use crate::plan::{Encode, Plan};
use crate::run::{Change, Retry};

/// So many partitions are listed in a record; more go to a file. Until then an epoch costs one
/// durable write.
const MOST_LISTED: usize = 256;

/// How long a run that fails asks whose the checkpoint is.
const LOOK: Duration = Duration::from_secs(5);

/// What the coordinator records epochs with.
pub(crate) struct Recorder {
    checkpoint: Arc<Checkpoint>,
    pipeline: String,
    states: Vec<State>,
    /// Every source that can be asked again, itself or its journal.
    sources: Vec<Source>,
    /// Every sink, without what it prepared.
    sinks: Vec<SinkRecord>,
    plugins: BTreeMap<String, String>,
    /// How far dead letters have come that are replayed.
    replayed: Option<Replayed>,
    /// Of all sources, by number: the name, and the column of its event time.
    names: Vec<(String, Option<String>)>,
    /// Whether nodes begin anew, or are converted, of which the last record has something else.
    must_record: bool,
}

/// A stateful step, and the files that make up its state.
struct State {
    of: PlanState,
    files: Files,
    /// What an earlier version has left, for lanes to convert: no file of it is in `files`.
    converts: Option<(usize, Vec<StateFile>)>,
    /// How far its event time has come: of other sources, maybe.
    reached: Watermark,
}

/// A source, and what is recorded of it.
struct Source {
    node: String,
    connector: String,
    positions: Positions,
    files: Files,
}

/// What an earlier run has recorded of a source: its positions, and which files have them.
pub(super) type KnownSource = (Positions, Vec<StateFile>);

/// A stateful step, and what an earlier run has recorded of it.
pub(super) struct KnownState {
    pub(super) of: PlanState,
    pub(super) files: Vec<StateFile>,
    /// Whether these are of an earlier version, and which one.
    pub(super) former: Option<usize>,
    pub(super) forgotten_below: Option<i64>,
    /// How far its event time had come.
    pub(super) reached: Watermark,
}

// === impl Recorder ===

impl Recorder {
    pub(super) fn new(
        plan: &Plan,
        checkpoint: Arc<Checkpoint>,
        states: Vec<KnownState>,
        mut known: BTreeMap<String, KnownSource>,
    ) -> Self {
        let states = states.into_iter().map(|known| {
            let KnownState {
                of,
                files,
                former,
                forgotten_below,
                reached,
            } = known;
            let keys = of.shape.keys;
            let name = format!("{}-{}", of.node, of.step);
            let merges = Merges::Rows {
                keys,
                forgotten_below,
            };
            let (files, converts) = match former {
                None => (files, None),
                Some(former) => (Vec::new(), Some((former, files))),
            };
            State {
                files: Files::new(name, of.schema.clone(), merges, files),
                of,
                converts,
                reached,
            }
        });
        let sinks = plan
            .sinks
            .iter()
            .enumerate()
            .map(|(number, sink)| SinkRecord {
                node: plan.sink_name(number).to_owned(),
                connector: sink.connector.clone(),
                target: place(plan, sink.sink.as_ref()),
                format: sink.encode.as_ref().map(Encode::name),
                prepares: sink.sink.delivery() == Delivery::ExactlyOnce,
                prepared: Vec::new(),
            });
        let sources = plan.sources.iter().enumerate();
        let sources = sources.filter(|(_, source)| {
            source.journal.is_some() || source.source.replay() == Replay::Positions
        });
        let sources = sources.map(|(number, source)| {
            let node = plan.source_name(number).to_owned();
            let (positions, files) = known.remove(&node).unwrap_or_default();
            let (name, schema) = (format!("{node}-positions"), Positions::schema());
            Source {
                connector: source.connector.clone(),
                files: Files::new(name, schema, Merges::Positions, files),
                positions,
                node,
            }
        });
        let nodes = (0..).zip(&plan.nodes);
        let plugins = nodes.filter_map(|(number, node)| {
            let digest = plan.digest(number)?;
            Some((node.name.to_string(), digest))
        });
        let functions = plan.replaceable.iter();
        let functions = functions.map(|one| (one.name.to_string(), one.replaceable.digest()));
        let plugins = plugins.chain(functions);
        Self {
            pipeline: plan.name.clone(),
            states: states.collect(),
            sources: sources.collect(),
            sinks: sinks.collect(),
            plugins: plugins.collect(),
            replayed: None,
            names: (0..)
                .zip(&plan.sources)
                .map(|(number, source)| {
                    let column = source.time.as_ref().map(|time| time.column.clone());
                    (plan.source_name(number).to_owned(), column)
                })
                .collect(),
            checkpoint,
            must_record: false,
        }
    }

    /// Nodes begin anew, or are converted: until an epoch is recorded, the checkpoint has what
    /// they were.
    pub(super) fn must_record(&mut self) {
        self.must_record = true;
    }

    /// Where the checkpoint is.
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        self.checkpoint.storage()
    }

    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Nodes have other plugins from the next record on.
    pub(crate) fn set_plugins(&mut self, plugins: Vec<(Arc<str>, String)>) {
        let plugins = plugins.into_iter();
        let plugins = plugins.map(|(node, digest)| (node.to_string(), digest));
        self.plugins.extend(plugins);
    }

    /// Dead letters have come so far by the next record.
    pub(crate) fn set_replayed(&mut self, replayed: Option<Replayed>) {
        self.replayed = replayed;
    }

    /// The random id of the checkpoint's run.
    pub(crate) fn run(&self) -> &str {
        self.checkpoint.run()
    }

    /// The instances whose lanes hand over what they changed.
    pub(crate) fn is_kept(&self, instance: usize) -> bool {
        self.states
            .iter()
            .any(|state| state.of.instance == instance)
    }

    /// How far the event time of instances with state has come by what is recorded.
    pub(crate) fn reached(&self) -> impl Iterator<Item = (usize, Watermark)> {
        let states = self.states.iter();
        states.map(|state| (state.of.instance, state.reached))
    }

    /// Where lanes find their state.
    pub(crate) fn restores(&self) -> Vec<Restore> {
        let kept = self.states.iter().map(|state| Restore {
            instance: state.of.instance,
            checkpoint: self.checkpoint.clone(),
            files: match &state.converts {
                Some((_, files)) => files.clone(),
                None => state.files.all().to_vec(),
            },
            former: state.converts.as_ref().map(|(former, _)| *former),
            forgotten_below: state.files.forgotten_below(),
            in_one_lane: state.of.in_one_lane,
        });
        kept.filter(|restore| !restore.files.is_empty()).collect()
    }

    /// Records an epoch: once this succeeds, the epoch has happened.
    ///
    /// # Errors
    /// `Invalid` where it cannot be recorded; a full disk is waited for.
    pub(crate) async fn record(
        &mut self,
        epoch: &Epoch,
        positions: &[Position],
        times: &EventTimes,
        prepared: &[Vec<Prepared>],
        changes: Vec<Change>,
    ) -> Result<()> {
        self.must_record = false;
        for files in self.files() {
            files.adopt_merged(epoch.last).await;
        }
        for source in &mut self.sources {
            let own = positions.iter();
            let own = own.filter(|of| of.partition.source == source.node);
            let own = own.map(|of| (of.partition.name.as_str(), of.next.as_str()));
            source.positions.update(own);
        }
        self.write_changes(epoch, changes).await?;
        fault_point("before-record");
        self.reach(&times.reached());
        let record = Record {
            times: times.sources().map(|of| self.time(of, times)).collect(),
            ..self.make(epoch, prepared)
        };
        let mut retry = Retry::new("the checkpoint");
        while let Err(error) = self.checkpoint.record(&record).await {
            retry.after(error).await?;
        }
        fault_point("after-record");
        Ok(())
    }

    /// Event time has come so far: the next record says so of every state.
    pub(crate) fn reach(&mut self, watermarks: &Watermarks) {
        for state in &mut self.states {
            state.reach(watermarks);
        }
    }

    /// Whether a partition that is recorded is there no more: who has seen that must record
    /// it, or another one of its name would be taken for it. So must who has begun anew, or converted.
    pub(crate) fn forgets(&self, positions: &[Position]) -> bool {
        self.must_record
            || self.sources.iter().any(|source| {
                let own = positions.iter().map(|position| &position.partition);
                let own = own.filter(|partition| partition.source == source.node);
                let there = own.map(|partition| partition.name.as_str()).collect();
                source.positions.lacks(&there)
            })
    }

    /// # Errors
    /// `Invalid` if another run has taken the checkpoint: nothing may be committed any more.
    pub(crate) async fn check_owner(&self) -> Result<()> {
        let mut retry = Retry::new("the checkpoint");
        while let Err(error) = self.checkpoint.check_owner().await {
            retry.after(error).await?;
        }
        Ok(())
    }

    /// Whether the checkpoint is known to be this run's still: asked once, and not for long.
    pub(crate) async fn is_owner(&self) -> bool {
        let asked = tokio::time::timeout(LOOK, self.checkpoint.check_owner());
        matches!(asked.await, Ok(Ok(())))
    }

    /// Every sink has committed the epoch: what is not needed any more can go.
    pub(crate) async fn committed(&mut self, epoch: &Epoch) {
        fault_point("after-commit");
        if epoch.last {
            self.set_committed(epoch.number).await;
        }
        if let Err(error) = self.checkpoint.clean().await {
            tracing::warn!("the checkpoint could not be cleaned up: {error}");
        }
        // What nobody waits for any more would be for nothing.
        if !epoch.last {
            self.merge(epoch.number);
        }
    }

    /// Every sink has what is recorded: the next run may have other sinks.
    pub(crate) async fn set_committed(&self, epoch: u64) {
        if let Err(error) = self.checkpoint.set_committed(epoch).await {
            tracing::warn!("the checkpoint does not know that all is committed: {error}");
        }
    }

    /// Lets go of the checkpoint, for another attempt to take: nothing is written to it any
    /// more when this returns.
    pub(crate) async fn close(mut self) {
        for files in self.files() {
            files.close().await;
        }
    }

    /// Keeps the components that the sinks' epochs will be prepared by: called before the
    /// first record.
    ///
    /// # Errors
    /// Those of the checkpoint; a full disk is waited for.
    pub(crate) async fn keep_components(&self, plan: &Plan) -> Result<()> {
        let components = plan.sinks.iter().filter_map(|sink| sink.component.as_ref());
        let components = components.filter_map(|component| component.bytes.clone());
        let components: Vec<Bytes> = components.map(Bytes::from_owner).collect();
        let mut retry = Retry::new("the checkpoint");
        while let Err(error) = self.checkpoint.keep_components(&components).await {
            retry.after(error).await?;
        }
        Ok(())
    }

    /// Side by side, what states have changed, and the positions that a record has no room
    /// for: these are numbered after the states.
    async fn write_changes(&mut self, epoch: &Epoch, changes: Vec<Change>) -> Result<()> {
        for change in &changes {
            let mut states = self.states.iter_mut();
            if let Some(state) = states.find(|state| state.of.instance == change.instance) {
                state.files.forget(change.forgotten_below);
            }
        }
        let (checkpoint, epoch) = (&self.checkpoint, epoch.number);
        let mut writes = Writes::new();
        for (number, state) in self.states.iter().enumerate() {
            let own = changes
                .iter()
                .filter(|change| change.instance == state.of.instance);
            let rows: Vec<RecordBatch> = own.filter_map(|change| change.rows.clone()).collect();
            if !rows.is_empty() {
                let files = &state.files;
                files.write(checkpoint, epoch, number, rows, &mut writes);
            }
        }
        for (number, source) in (self.states.len()..).zip(&self.sources) {
            if source.positions.listed() > MOST_LISTED {
                let rows = vec![source.positions.batch()?];
                let files = &source.files;
                files.write(checkpoint, epoch, number, rows, &mut writes);
            }
        }
        for (number, file) in written(writes).await? {
            if let Some(state) = self.states.get_mut(number) {
                state.files.add(file);
            } else if let Some(source) = self.sources.get_mut(number - self.states.len()) {
                source.files.add(file);
                source.positions.filed();
            }
        }
        Ok(())
    }

    /// All files that epochs add to.
    fn files(&mut self) -> impl Iterator<Item = &mut Files> {
        let states = self.states.iter_mut().map(|state| &mut state.files);
        let sources = self.sources.iter_mut().map(|source| &mut source.files);
        states.chain(sources)
    }

    /// Begins to merge files where that is worth it, beside everything else.
    pub(crate) fn merge(&mut self, epoch: u64) {
        let checkpoint = self.checkpoint.clone();
        for files in self.files() {
            files.merge(&checkpoint, epoch);
        }
    }

    fn time(&self, (source, own): (usize, SourceTimes), times: &EventTimes) -> TimeRecord {
        let (node, column) = self.names.get(source).cloned().unwrap_or_default();
        TimeRecord {
            node,
            column,
            latest: known(own.latest),
            watermark: known(own.watermark.time),
            closed: known(own.watermark.closed),
            partitions: times.partitions(source),
        }
    }

    fn make(&self, epoch: &Epoch, prepared: &[Vec<Prepared>]) -> Record {
        let run = self.checkpoint.run();
        let generation = self.checkpoint.generation();
        let sources = self.sources.iter().map(|source| {
            let files = source.files.all();
            source
                .positions
                .record(&source.node, &source.connector, files)
        });
        let states = self.states.iter().map(|state| StateRecord {
            node: state.of.node.clone(),
            step: state.of.step,
            shape: state.of.shape.clone(),
            files: state.files.all().to_vec(),
            watermark: known(state.reached.time),
            closed: known(state.reached.closed),
            forgotten_below: state.files.forgotten_below(),
        });
        let sinks = self
            .sinks
            .iter()
            .zip(prepared)
            .map(|(sink, prepared)| SinkRecord {
                prepared: prepared.iter().map(PreparedRecord::from).collect(),
                ..sink.clone()
            });
        Record {
            sources: sources.collect(),
            states: states.collect(),
            sinks: sinks.collect(),
            plugins: self.plugins.clone(),
            ..Record::new(&self.pipeline, run, generation, epoch).with_replayed(self.replayed)
        }
    }
}

// === impl State ===

impl State {
    /// Its event time has come as far as that of its sources: never back, whichever these are
    /// now, and also where one that was idle is back.
    fn reach(&mut self, of_sources_now: &Watermarks) {
        self.reached = of_sources(&self.of.sources, of_sources_now).join(self.reached);
    }
}

/// A time, once there is one.
fn known(time: i64) -> Option<i64> {
    (time > i64::MIN).then_some(time)
}
