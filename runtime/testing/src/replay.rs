//! Dead letters that are replayed to the screen: through their node and what is downstream of it,
//! in memory.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use azud_connector_memory::{MemorySink, MemorySource};
use azud_engine::{
    Control, Environment, LoadedPlugins, ReplayRow, RunOptions, Stop, TestOutput, check_for_test,
};
use azud_manifest::{Manifest, Report};
use azud_model::{Error, SystemClock};

use crate::suite::Setup;

/// What came of dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// What each sink would get: its name, and its rows as JSON. Those of rejected rows alone are
    /// left out.
    pub sinks: Vec<(String, Vec<String>)>,
    /// The rows that were rejected again, with the columns of every `rejected`.
    pub rejected: Vec<String>,
    /// Those that cannot be replayed: the id, and why.
    pub refused: Vec<(String, String)>,
}

/// Why nothing came of them.
#[derive(Debug)]
pub enum ReplayFailure {
    /// The manifest is wrong.
    Report(Report),
    /// The run has failed.
    Run(Error),
}

/// Gives rows to their nodes. Nodes with state begin with none, tables are read, sources give
/// nothing and sinks get nothing: no checkpoint is touched.
///
/// # Errors
/// What is wrong with the manifest, or why the run stopped.
pub fn replay(
    manifest: &Manifest,
    setup: &Setup<'_>,
    rows: Vec<ReplayRow>,
) -> Result<Replay, ReplayFailure> {
    let environment = Environment {
        directory: setup.directory.clone(),
        sandbox: setup.sandbox.clone(),
        clock: Arc::new(SystemClock::new()),
        find_plugin: setup.find_plugin,
    };
    let dead_letters = manifest.dead_letters.as_ref().map(|name| &name.value);
    let sinks = manifest.sinks.values().filter(|sink| {
        let mut from = sink.from.iter();
        dead_letters != Some(&sink.name.value)
            && !from.all(|from| from.value.ends_with(".rejected"))
    });
    let sinks = sinks.map(|sink| (sink.name.value.clone(), sink.name.span));
    let sources = manifest.sources.values().map(|of| &of.name);
    let nodes = sources.chain(manifest.transforms.values().map(|of| &of.name));
    // A table rejects nothing.
    let tables = check_for_test(
        manifest,
        &environment,
        &mut LoadedPlugins::default(),
        Vec::new(),
        None,
    );
    let tables = tables.map_err(ReplayFailure::Report)?.tables;
    let nodes = nodes.filter(|name| !tables.contains_key(&name.value));
    let rejected = nodes.map(|name| (format!("{}.rejected", name.value), name.span));
    let watched: Vec<_> = sinks
        .map(|of| (of, true))
        .chain(rejected.map(|of| (of, false)))
        .map(|((node, span), is_sink)| (node, span, is_sink, MemorySink::default()))
        .collect();
    let outputs = watched.iter().map(|(node, span, _, sink)| TestOutput {
        node: node.clone(),
        mode: None,
        span: *span,
        sink: Arc::new(sink.clone()),
    });
    let outputs = outputs.collect();
    let mut loaded = LoadedPlugins::default();
    let planned = check_for_test(manifest, &environment, &mut loaded, outputs, None);
    let planned = planned.map_err(ReplayFailure::Report)?;
    let mut plan = planned.plan;
    for (name, shape) in &planned.sources {
        let nothing = match shape.format {
            Some(_) => MemorySource::default(),
            None => MemorySource::default().with_schema(shape.schema.clone()),
        };
        plan = plan.with_source(name, Arc::new(nothing));
    }
    let refused = plan.refused(&rows).map_err(ReplayFailure::Run)?;
    let fits = |row: &ReplayRow| !refused.iter().any(|(id, _)| *id == row.id);
    let rows = rows.into_iter().filter(fits).collect();
    let ran = plan.with_replay(rows).run(RunOptions {
        control: Control::default(),
        allow_reset: Vec::new(),
        stop: Stop::default(),
        progress: Arc::new(AtomicU64::new(0)),
        on_epoch: Box::new(|_| ()),
    });
    ran.map_err(ReplayFailure::Run)?;
    let mut replay = Replay {
        refused,
        ..Replay::default()
    };
    for (node, _, is_sink, sink) in watched {
        match is_sink {
            true => replay.sinks.push((node, sink.rows())),
            false => replay.rejected.extend(sink.rows()),
        }
    }
    Ok(replay)
}
