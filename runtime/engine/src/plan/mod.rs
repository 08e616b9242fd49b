//! A checked manifest becomes a plan: everything that can be wrong is found here, all at once.

mod aggregate;
mod avro;
mod check;
mod checkpoint;
mod component;
mod encode;
mod grants;
mod keyed;
mod node;
mod order;
mod plugin;
mod shared;
mod sink;
mod sink_plugin;
mod source;
mod sql;
mod testing;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_connect::{FormatOptions, RecordColumns, Sink, Source, Wants};
use azud_manifest::Manifest;
use azud_model::{ByteSize, Clock};
use azud_sandbox::Sandbox;
use azud_state::{Location, ReplayRow, Storage};

use crate::event_time::PlanTime;
use crate::graph::{Topology, Vertex};
use crate::plugin::{Cancel, NodeLog};
use crate::run::{OnReject, Trigger};
use crate::swap::Replaceable;
use crate::table::StaticTable;

use avro::PlanLookup;
pub use check::check;
pub(crate) use component::PlanComponent;
pub(crate) use encode::Encode;
pub(crate) use node::columns;
pub(crate) use sink::encoded;
pub(crate) use source::to_format;
pub use testing::{
    LoadedPlugins, OutputShape, SourceShape, TestCheckpoint, TestOutput, TestPlan, check_for_test,
};

/// Finds a plugin's component: builds its source if that is newer. The text of the error is shown as it is.
pub type FindPlugin<'a> = dyn Fn(&azud_manifest::Plugin) -> Result<PathBuf, String> + 'a;

/// What a plan is made with.
pub struct Environment<'a> {
    /// Relative paths start here: the manifest's folder.
    pub directory: PathBuf,
    /// Runs the plugins.
    pub sandbox: Sandbox,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Finds a plugin's component.
    pub find_plugin: &'a FindPlugin<'a>,
}

/// A pipeline that can start.
pub struct Plan {
    /// What it was made of.
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) name: String,
    pub(crate) trigger: Trigger,
    pub(crate) lanes: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) sources: Vec<PlanSource>,
    pub(crate) tables: Vec<PlanTable>,
    pub(crate) sinks: Vec<PlanSink>,
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) topology: Topology,
    /// Plugins that may be replaced while they run.
    pub(crate) replaceable: Vec<PlanReplaceable>,
    /// Gives up the calls of sink plugins.
    pub(crate) cancel: Cancel,
    /// The logs of nodes with plugins.
    pub(crate) logs: Vec<Arc<NodeLog>>,
    /// Whether it is one of several that share their source: nothing is recorded then.
    pub(crate) shared: bool,
    /// Where epochs are recorded.
    pub(crate) checkpoint: Option<PlanCheckpoint>,
    /// Whether the end of all input closes windows that are open.
    pub(crate) closes_at_end: bool,
    /// Dead letters that a run without a checkpoint begins with.
    pub(crate) replay: Vec<ReplayRow>,
}

/// Where epochs are recorded.
#[derive(Clone, Debug)]
pub(crate) struct PlanCheckpoint {
    pub(crate) location: Location,
    /// The manifest's folder, as sinks name places in it.
    pub(crate) home: PathBuf,
    /// The place itself.
    pub(crate) storage: Arc<dyn Storage>,
    /// How many epochs are kept.
    pub(crate) retain: usize,
}

/// A node of the manifest.
pub(crate) struct PlanNode {
    pub(crate) name: Arc<str>,
    pub(crate) on_reject: OnReject,
    /// Digest of its plugin as it was planned, if it is one: see [`Plan::digest`].
    pub(crate) plugin: Option<Arc<str>>,
    /// Its columns, where it gives rows.
    pub(crate) schema: Option<SchemaRef>,
    /// Whether rows can be late for it: it has windows, or timers of event time.
    pub(crate) has_late: bool,
}

/// A plugin that may be replaced while it runs.
#[derive(Clone)]
pub(crate) struct PlanReplaceable {
    pub(crate) node: usize,
    /// What records call it: the node, or `node.function`.
    pub(crate) name: Arc<str>,
    pub(crate) replaceable: Arc<dyn Replaceable>,
}

pub(crate) struct PlanSource {
    pub(crate) node: usize,
    /// The connector's name.
    pub(crate) connector: String,
    pub(crate) source: Arc<dyn Source>,
    /// `None`: it makes typed columns itself.
    pub(crate) format: Option<FormatOptions>,
    pub(crate) schema: SchemaRef,
    /// How what it cannot give again is kept.
    pub(crate) journal: Option<PlanJournal>,
    /// Where the schemas are that its records name.
    pub(crate) lookup: Option<PlanLookup>,
    /// Its event time, where it has one.
    pub(crate) time: Option<PlanTime>,
}

/// A source that does not stream.
pub(crate) struct PlanTable {
    pub(crate) node: usize,
    /// The connector's name.
    pub(crate) connector: String,
    pub(crate) schema: SchemaRef,
    pub(crate) rows: Arc<StaticTable>,
}

/// The journal of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanJournal {
    pub(crate) bytes: ByteSize,
    /// Whether what comes is dropped when it is full.
    pub(crate) drop: bool,
}

pub(crate) struct PlanSink {
    pub(crate) node: usize,
    /// The connector's name, or `plugin`.
    pub(crate) connector: String,
    pub(crate) sink: Arc<dyn Sink>,
    /// Set where the sink takes encoded rows, or records.
    pub(crate) encode: Option<Encode>,
    /// Set where it takes records.
    pub(crate) records: Option<RecordColumns>,
    pub(crate) prints: bool,
    pub(crate) schema: SchemaRef,
    /// Set where it is a plugin.
    pub(crate) component: Option<PlanComponent>,
}

// === impl PlanSource ===

impl PlanSource {
    /// Whether a full journal makes it drop what comes.
    pub(crate) fn drops(&self) -> bool {
        self.journal.is_some_and(|journal| journal.drop)
    }
}

// === impl Plan ===

impl Plan {
    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the records of a source from elsewhere: a test's memory. They are
    /// decoded as the manifest says, unless that makes typed rows itself, which must
    /// have the columns of the manifest's. Nothing changes where no source has that name.
    #[must_use]
    pub fn with_source(mut self, node: &str, source: Arc<dyn Source>) -> Self {
        let nodes = &self.nodes;
        let is_it = |number: usize| nodes.get(number).is_some_and(|found| &*found.name == node);
        if let Some(found) = self.sources.iter_mut().find(|found| is_it(found.node)) {
            found.format = found.format.take().filter(|_| source.schema().is_none());
            found.source = source;
        } else if let Some(found) = self.tables.iter().find(|found| is_it(found.node)) {
            found.rows.replace(source);
        }
        self
    }

    /// Writes the rows of a sink to elsewhere: as bytes or records, as the manifest's sink does, if
    /// that takes them.
    /// Nothing changes where no sink has that name.
    #[must_use]
    pub fn with_sink(mut self, node: &str, sink: Arc<dyn Sink>) -> Self {
        let nodes = &self.nodes;
        let is_it = |number: usize| nodes.get(number).is_some_and(|found| &*found.name == node);
        if let Some(found) = self.sinks.iter_mut().find(|found| is_it(found.node)) {
            let (encode, records) = (found.encode.take(), found.records.take());
            (found.encode, found.records) = match sink.wants() {
                Wants::Rows => (None, None),
                Wants::Encoded => (encode, None),
                Wants::Records => (encode, records),
            };
            found.sink = sink;
            found.component = None;
        }
        self
    }

    /// Records epochs elsewhere: on a test's disk, which fails. A journal stays where it
    /// is. Nothing changes where the manifest has no checkpoint.
    #[must_use]
    pub fn with_checkpoint(mut self, storage: Arc<dyn Storage>) -> Self {
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.storage = storage;
        }
        self
    }

    /// Gives dead letters to their nodes when the run begins: a run that keeps nothing, see
    /// [`Plan::refused`].
    #[must_use]
    pub fn with_replay(mut self, rows: Vec<ReplayRow>) -> Self {
        self.replay = rows;
        self
    }

    /// The digest of a node's plugin: of the version that runs.
    pub(crate) fn digest(&self, node: usize) -> Option<String> {
        let planned = self.nodes.get(node)?.plugin.as_deref()?;
        let mut replaceable = self.replaceable.iter();
        let running = replaceable.find(|one| one.node == node);
        let running = running.map(|one| one.replaceable.digest());
        Some(running.unwrap_or_else(|| planned.to_owned()))
    }

    /// The columns of every node that gives rows, sources first.
    pub fn schemas(&self) -> Vec<(&str, &SchemaRef)> {
        let nodes = self.nodes.iter();
        let known = nodes.filter_map(|node| Some((&*node.name, node.schema.as_ref()?)));
        known.collect()
    }

    /// Whether it ends by itself, because every source is read to its present end only.
    pub fn finite(&self) -> bool {
        self.trigger.finite()
    }

    /// Whether a sink writes to the terminal that progress would be shown on.
    pub fn prints(&self) -> bool {
        self.sinks.iter().any(|sink| sink.prints)
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("name", &self.name)
            .field("lanes", &self.lanes)
            .field("vertices", &self.vertices.len())
            .finish_non_exhaustive()
    }
}
