//! Records epochs: what changed, where sources are, what sinks prepared.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use azud_connect::{Delivery, Prepared, Replay, fault_point};
use azud_model::{Epoch, Error, Position, Result};
use azud_state::{
    Checkpoint, PartitionRecord, PreparedRecord, Record, SinkRecord, SourceRecord, StateFile,
    StateRecord, due,
};
use bytes::Bytes;
use tokio::task::{JoinHandle, JoinSet};

use super::states::{PlanState, place};
use crate::plan::Plan;
use crate::run::Retry;

/// So many files of a state are worth waiting for their merge.
const MANY: usize = 16;

/// What the coordinator records epochs with.
pub(crate) struct Recorder {
    checkpoint: Arc<Checkpoint>,
    pipeline: String,
    states: Vec<State>,
    /// Name and connector of every source that can be asked again, itself or its journal.
    sources: Vec<(String, String)>,
    /// Every sink, without what it prepared.
    sinks: Vec<SinkRecord>,
    plugins: BTreeMap<String, String>,
}

/// A stateful step, and the files that make up its state.
struct State {
    of: PlanState,
    files: Vec<StateFile>,
    /// Which of the files are being merged into one.
    merging: Option<(Range<usize>, JoinHandle<Result<StateFile>>)>,
}

/// Where a lane finds the state of an instance.
#[derive(Clone)]
pub(crate) struct Restore {
    pub(crate) instance: usize,
    checkpoint: Arc<Checkpoint>,
    files: Vec<StateFile>,
    in_one_lane: bool,
}

// === impl Recorder ===

impl Recorder {
    pub(super) fn new(
        plan: &Plan,
        checkpoint: Arc<Checkpoint>,
        states: Vec<(PlanState, Vec<StateFile>)>,
    ) -> Self {
        let states = states.into_iter().map(|(of, files)| State {
            of,
            files,
            merging: None,
        });
        let sinks = plan
            .sinks
            .iter()
            .enumerate()
            .map(|(number, sink)| SinkRecord {
                node: plan.sink_name(number).to_owned(),
                connector: sink.connector.clone(),
                target: place(plan, sink.sink.as_ref()),
                format: sink
                    .encode
                    .map(|format| format!("{format:?}").to_lowercase()),
                prepares: sink.sink.delivery() == Delivery::ExactlyOnce,
                prepared: Vec::new(),
            });
        let sources = plan.sources.iter().enumerate();
        let sources = sources.filter(|(_, source)| {
            source.journal.is_some() || source.source.replay() == Replay::Positions
        });
        let sources = sources.map(|(number, source)| {
            (
                plan.source_name(number).to_owned(),
                source.connector.clone(),
            )
        });
        let plugins = plan.nodes.iter().filter_map(|node| {
            let digest = node.plugin.as_deref()?;
            Some((node.name.to_string(), digest.to_owned()))
        });
        Self {
            pipeline: plan.name.clone(),
            states: states.collect(),
            sources: sources.collect(),
            sinks: sinks.collect(),
            plugins: plugins.collect(),
            checkpoint,
        }
    }

    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
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

    /// Where lanes find their state.
    pub(crate) fn restores(&self) -> Vec<Restore> {
        let kept = self.states.iter().filter(|state| !state.files.is_empty());
        kept.map(|state| Restore {
            instance: state.of.instance,
            checkpoint: self.checkpoint.clone(),
            files: state.files.clone(),
            in_one_lane: state.of.in_one_lane,
        })
        .collect()
    }

    /// Records an epoch: once this succeeds, the epoch has happened.
    ///
    /// # Errors
    /// `Invalid` where it cannot be recorded; a full disk is waited for.
    pub(crate) async fn record(
        &mut self,
        epoch: &Epoch,
        positions: &[Position],
        prepared: &[Vec<Prepared>],
        changes: Vec<(usize, RecordBatch)>,
    ) -> Result<()> {
        self.adopt_merged(epoch.last).await;
        self.write_changes(epoch, changes).await?;
        fault_point("before-record");
        let record = self.make(epoch, positions, prepared);
        let mut retry = Retry::new("the checkpoint");
        while let Err(error) = self.checkpoint.record(&record).await {
            retry.after(error).await?;
        }
        fault_point("after-record");
        Ok(())
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

    async fn write_changes(
        &mut self,
        epoch: &Epoch,
        changes: Vec<(usize, RecordBatch)>,
    ) -> Result<()> {
        let mut tasks = JoinSet::new();
        for (number, state) in self.states.iter().enumerate() {
            let own = changes
                .iter()
                .filter(|(instance, _)| *instance == state.of.instance);
            let rows: Vec<RecordBatch> = own.map(|(_, rows)| rows.clone()).collect();
            if rows.is_empty() {
                continue;
            }
            let checkpoint = self.checkpoint.clone();
            let (schema, name, epoch) = (state.of.schema.clone(), state.of.name(), epoch.number);
            tasks.spawn(async move {
                let mut retry = Retry::new("the checkpoint");
                loop {
                    let (schema, rows) = (schema.clone(), rows.clone());
                    match checkpoint.write_state(epoch, &name, schema, rows).await {
                        Ok(file) => return Ok((number, file)),
                        Err(error) => retry.after(error).await?,
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            let done: Result<_> =
                done.map_err(|error| Error::internal("writing state").because(error))?;
            let (number, file) = done?;
            if let Some(state) = self.states.get_mut(number) {
                state.files.push(file);
            }
        }
        Ok(())
    }

    fn make(&self, epoch: &Epoch, positions: &[Position], prepared: &[Vec<Prepared>]) -> Record {
        let run = self.checkpoint.run();
        let generation = self.checkpoint.generation();
        let sources = self.sources.iter().map(|(node, connector)| {
            let own = positions.iter().filter(|of| of.partition.source == *node);
            let positions = own.map(|position| PartitionRecord {
                partition: position.partition.name.clone(),
                next: position.next.clone(),
            });
            SourceRecord {
                node: node.clone(),
                connector: connector.clone(),
                positions: positions.collect(),
            }
        });
        let states = self.states.iter().map(|state| StateRecord {
            node: state.of.node.clone(),
            step: state.of.step,
            shape: state.of.shape.clone(),
            files: state.files.clone(),
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
            ..Record::new(&self.pipeline, run, generation, epoch)
        }
    }

    /// Files that were merged meanwhile are replaced by the one that they became.
    /// A run that ends waits where there are too many: short runs would never merge any.
    async fn adopt_merged(&mut self, is_last: bool) {
        for state in &mut self.states {
            let waits = is_last && state.files.len() > MANY;
            let done =
                |merging: &mut (Range<usize>, JoinHandle<_>)| waits || merging.1.is_finished();
            let Some((range, merged)) = state.merging.take_if(done) else {
                continue;
            };
            match merged.await {
                Ok(Ok(file)) => {
                    fault_point("after-merge");
                    state.files.splice(range, [file]);
                }
                Ok(Err(error)) => tracing::warn!("files of state were not merged: {error}"),
                Err(error) => tracing::warn!("files of state were not merged: {error}"),
            }
        }
    }

    /// Begins to merge files where that is worth it, beside everything else.
    pub(crate) fn merge(&mut self, epoch: u64) {
        for state in &mut self.states {
            if state.merging.is_some() {
                continue;
            }
            let Some(range) = due(&state.files) else {
                continue;
            };
            let files = state.files.get(range.clone()).unwrap_or_default().to_vec();
            let (checkpoint, name) = (self.checkpoint.clone(), state.of.name());
            let keys = state.of.shape.keys;
            let task = tokio::spawn(async move {
                fault_point("in-merge");
                checkpoint.merge(epoch, &name, &files, keys).await
            });
            state.merging = Some((range, task));
        }
    }
}

// === impl PlanState ===

impl PlanState {
    /// What its files are named after.
    fn name(&self) -> String {
        format!("{}-{}", self.node, self.step)
    }
}

// === impl Restore ===

impl Restore {
    async fn read(&self, file: &StateFile) -> Result<Vec<RecordBatch>> {
        let mut retry = Retry::new("the checkpoint");
        loop {
            match self.checkpoint.read_state(file).await {
                Ok(batches) => return Ok(batches),
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// The rows of a lane, oldest first. Called in the lane's thread.
    pub(crate) fn rows(
        &self,
        lane: usize,
        lanes: usize,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Vec<RecordBatch>> {
        let mut rows = Vec::new();
        for file in &self.files {
            let batches = runtime.block_on(self.read(file))?;
            for batch in batches {
                let own = match self.in_one_lane || lanes <= 1 {
                    true => batch,
                    false => azud_state::of_lane(&batch, lane, lanes)?,
                };
                rows.push(own);
            }
        }
        Ok(rows)
    }
}
