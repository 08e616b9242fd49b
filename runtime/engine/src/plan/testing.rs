//! A plan for a test: the manifest's sources and transforms, and sinks of the test's own.
//!
//! What the manifest's sinks write to and what its sources read from is not looked at.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_connect::{FormatOptions, SimulatedDisk, Sink};
use azud_manifest::{Manifest, Mode as ManifestMode, Report, Span, Trigger as ManifestTrigger};
use azud_model::Mode;
use azud_sandbox::Plugin;
use azud_state::{LocalStorage, Location, Storage};

use super::node::{Draft, LATE, Output, REJECTED};
use super::{Environment, Plan, PlanCheckpoint, PlanSink, check, sink};
use crate::graph::{Vertex, Work, below_changing};
use crate::run::Trigger;

/// What a checkpoint in memory is called.
const MEMORY: &str = "/memory";

/// How many epochs it keeps: a restart needs the last one.
const RETAIN: usize = 2;

/// The plugins that the tests of a manifest share, once they are loaded.
#[derive(Default)]
pub struct LoadedPlugins {
    plugins: BTreeMap<String, Option<Plugin>>,
}

/// A node whose rows a test looks at.
pub struct TestOutput {
    /// The node: a source, a transform, `<node>.rejected`; or a sink, for what it reads.
    pub node: String,
    /// Which rows it is to give. Without one: a sink its own, an aggregate over all epochs
    /// `complete`, everything else `append`.
    pub mode: Option<ManifestMode>,
    /// Where the test names it: for errors.
    pub span: Span,
    /// Who takes them.
    pub sink: Arc<dyn Sink>,
}

/// Where a test's pipeline records epochs when it is to go on after a restart: in memory.
#[derive(Clone, Debug)]
pub struct TestCheckpoint {
    storage: Arc<dyn Storage>,
}

/// A plan whose sources wait for rows: see [`Plan::with_source`].
pub struct TestPlan {
    /// Runs to the end of its sources, in one lane: whenever each of them has used up its share,
    /// an epoch ends.
    pub plan: Plan,
    /// What the rows of each source look like, by name.
    pub sources: BTreeMap<String, SourceShape>,
    /// The same of sources that are tables.
    pub tables: BTreeMap<String, SourceShape>,
    /// What the rows of each output look like, in the order of the outputs.
    pub outputs: Vec<OutputShape>,
}

/// What the rows of a source look like.
pub struct SourceShape {
    /// How records become rows; `None` where the source makes typed rows itself.
    pub format: Option<FormatOptions>,
    /// Its columns.
    pub schema: SchemaRef,
}

/// What the rows of an output look like.
#[derive(Clone)]
pub struct OutputShape {
    /// Its columns.
    pub schema: SchemaRef,
    /// Which rows it gives.
    pub mode: Mode,
}

/// Finds everything that is wrong with a manifest's nodes, but for its sinks and what its
/// sources read; no outputs: nothing but that. Looks at no file but those of plugins.
///
/// # Errors
/// All that was found, each at its place in the manifest.
pub fn check_for_test(
    manifest: &Manifest,
    environment: &Environment<'_>,
    loaded: &mut LoadedPlugins,
    outputs: Vec<TestOutput>,
    checkpoint: Option<&TestCheckpoint>,
) -> Result<TestPlan, Report> {
    let place = super::source::Place {
        directory: &environment.directory,
        lanes: 1,
        // A generator without an end has one here: that of the test's rows.
        finite: false,
        looks: false,
        clock: &environment.clock,
    };
    let mut draft = Draft::new(manifest);
    draft.for_test = true;
    draft.plugins = std::mem::take(&mut loaded.plugins);
    check::add_nodes(&mut draft, &place, environment);
    let read = read_by_sinks(&mut draft);
    let mut shapes = Vec::new();
    for output in outputs {
        shapes.extend(add(&mut draft, output, &read));
    }
    loaded.keep(&draft.plugins);
    let trigger = Trigger::Steps {
        looks: manifest.trigger.value != ManifestTrigger::Once,
    };
    let mut plan = check::finish(draft, trigger, 1, environment)?;
    plan.checkpoint = checkpoint.map(TestCheckpoint::plan);
    for source in &mut plan.sources {
        // What a test gives is not gone after a restart.
        source.journal = None;
    }
    let sources = plan.sources.iter().map(|source| {
        let name = plan.nodes.get(source.node).map_or("", |node| &node.name);
        let shape = SourceShape {
            format: source.format.clone(),
            schema: source.schema.clone(),
        };
        (name.to_owned(), shape)
    });
    let tables = plan.tables.iter().map(|table| {
        let shape = SourceShape {
            format: table.rows.format(),
            schema: table.schema.clone(),
        };
        (table.rows.name().to_owned(), shape)
    });
    Ok(TestPlan {
        tables: tables.collect(),
        sources: sources.collect(),
        outputs: shapes,
        plan,
    })
}

/// What each of the manifest's sinks reads: who delivers rejected rows in a run does so here.
fn read_by_sinks(draft: &mut Draft<'_>) -> BTreeMap<String, (Output, Mode)> {
    let manifest = draft.manifest;
    let mut read = BTreeMap::new();
    for node in manifest.sinks.values() {
        let output = draft.read(&node.from);
        if let Some(output) = &output {
            draft.note_rejected_readers(&output.from);
        }
        read.insert(node.name.value.as_str(), output);
    }
    if let Some(name) = &manifest.dead_letters
        && let Some(node) = manifest.sinks.get(&name.value)
    {
        let own = read.remove(name.value.as_str()).flatten();
        let output = sink::with_dead_letters(draft, node, own);
        read.insert(name.value.as_str(), output);
    }
    let modes = |name: &str| manifest.sinks.get(name).map(|sink| to_mode(sink.mode()));
    read.into_iter()
        .filter_map(|(name, output)| Some((name.to_owned(), (output?, modes(name)?))))
        .collect()
}

fn add(
    draft: &mut Draft<'_>,
    output: TestOutput,
    read: &BTreeMap<String, (Output, Mode)>,
) -> Option<OutputShape> {
    let own = read.get(&output.node);
    let found = own.map(|(output, _)| output);
    let Some(found) = found.or_else(|| draft.outputs.get(&output.node)).cloned() else {
        // A node that has errors itself was told of there.
        if draft.diagnostics.is_empty() {
            draft.blame(output.span, format!("no node `{}`", output.node), None);
        }
        return None;
    };
    let over_aggregate = || {
        let changing = below_changing(&draft.vertices);
        let is = |vertex: usize| changing.get(vertex).copied().unwrap_or(false);
        let mut from = found.from.iter().filter(|from| from.is_output());
        from.any(|from| is(from.vertex))
    };
    let mode = match (output.mode, own) {
        // Side outputs never change.
        _ if output.node.ends_with(REJECTED) || output.node.ends_with(LATE) => Mode::Append,
        (Some(mode), _) => to_mode(mode),
        (None, Some((_, own))) => *own,
        (None, None) if over_aggregate() => Mode::Complete,
        (None, None) => Mode::Append,
    };
    draft.note_rejected_readers(&found.from);
    let number = draft.add_node(&output.node, azud_manifest::OnError::Stop);
    let work = Work::Sink(draft.sinks.len());
    let vertex = Vertex {
        mode,
        reads: vec![found.schema.clone()],
        ..Vertex::new(number, work, vec![found.from])
    };
    draft.add_vertex(vertex, output.span);
    draft.sinks.push(PlanSink {
        node: number,
        connector: "test".to_owned(),
        sink: output.sink,
        encode: None,
        records: None,
        prints: false,
        schema: found.schema.clone(),
        component: None,
    });
    Some(OutputShape {
        schema: found.schema,
        mode,
    })
}

// === impl TestCheckpoint ===

impl TestCheckpoint {
    fn plan(&self) -> PlanCheckpoint {
        PlanCheckpoint {
            // Nothing is looked for there: there is neither a journal nor a sink of the manifest's.
            location: Location::Folder(PathBuf::from(MEMORY)),
            home: PathBuf::from(MEMORY),
            storage: self.storage.clone(),
            retain: RETAIN,
        }
    }
}

impl Default for TestCheckpoint {
    fn default() -> Self {
        let disk = Arc::new(SimulatedDisk::default());
        let storage = LocalStorage::new(disk, PathBuf::from(MEMORY)).without_locks();
        Self {
            storage: Arc::new(storage),
        }
    }
}

// === impl LoadedPlugins ===

impl LoadedPlugins {
    /// One that cannot be loaded is tried, and told of, again.
    fn keep(&mut self, plugins: &BTreeMap<String, Option<Plugin>>) {
        let plugins = plugins.clone().into_iter();
        self.plugins = plugins.filter(|(_, plugin)| plugin.is_some()).collect();
    }
}

fn to_mode(mode: ManifestMode) -> Mode {
    match mode {
        ManifestMode::Append => Mode::Append,
        ManifestMode::Update => Mode::Update,
        ManifestMode::Complete => Mode::Complete,
    }
}

impl std::fmt::Debug for LoadedPlugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.plugins.keys()).finish()
    }
}
