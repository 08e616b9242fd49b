//! The way from a manifest to a plan.

use std::num::NonZeroUsize;
use std::sync::Arc;

use azud_manifest::{AtEnd, Manifest, Report, Step, Trigger as ManifestTrigger};
use azud_model::KEY_GROUPS;

use super::node::Draft;
use super::order::Node;
use super::{Environment, Plan, checkpoint, order, plugin, shared, sink, source, sql};
use crate::graph::Topology;
use crate::run::{OnReject, Trigger};

/// Finds everything that is wrong with a pipeline before anything runs:
/// schemas, queries, plugins, sinks, output modes. Opens plugins, and looks
/// whether files are there; connects to nothing.
///
/// # Errors
/// All that was found, each at its place in the manifest.
pub fn check(manifest: &Manifest, environment: &Environment<'_>) -> Result<Plan, Report> {
    let trigger = match manifest.trigger.value {
        ManifestTrigger::Continuous => Trigger::Continuous(checkpoint::every(manifest)),
        ManifestTrigger::Once => Trigger::Once,
        ManifestTrigger::Every(interval) => Trigger::Every(interval.into()),
    };
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let most = usize::try_from(KEY_GROUPS).unwrap_or(usize::MAX);
    let lanes = manifest.parallelism.map_or_else(cores, NonZeroUsize::get);
    let lanes = lanes.min(most);

    let mut draft = Draft::new(manifest);
    let place = source::Place {
        directory: &environment.directory,
        lanes,
        finite: trigger.finite(),
        looks: true,
        clock: &environment.clock,
    };
    add_nodes(&mut draft, &place, environment);
    sink::add_dead_letters(&mut draft, &place, environment);
    let checkpoint = checkpoint::checkpoint(&mut draft, &environment.directory);
    let shared = shared::check(&mut draft);
    let plan = finish(draft, trigger, lanes, environment)?;
    Ok(Plan {
        checkpoint,
        shared,
        ..plan
    })
}

/// Adds the manifest's sources, transforms and, but for a test, sinks.
pub(super) fn add_nodes(
    draft: &mut Draft<'_>,
    place: &source::Place<'_>,
    environment: &Environment<'_>,
) {
    let manifest = draft.manifest;
    for node in manifest.sources.values() {
        source::add(draft, node, place);
    }
    for node in order::order(draft, manifest) {
        match node {
            Node::Transform(transform) => match transform.step() {
                Step::Sql(query) => sql::add(draft, transform, query, environment),
                Step::Plugin(name) => plugin::add(draft, transform, name, environment),
            },
            // A test has sinks of its own, and nothing rejects.
            Node::Sink(sink) if draft.for_test => draft.add_nothing_rejected(&sink.name.value),
            Node::Sink(sink) => sink::add(draft, sink, place, environment),
        }
    }
}

/// The plan, once all nodes are there; or all that was found.
pub(super) fn finish(
    mut draft: Draft<'_>,
    trigger: Trigger,
    lanes: usize,
    environment: &Environment<'_>,
) -> Result<Plan, Report> {
    let topology = match Topology::new(&draft.vertices) {
        Ok(topology) => topology,
        Err(problem) => {
            let span = draft.spans.get(problem.vertex).copied().unwrap_or_default();
            let help = match draft.for_test {
                true => problem.help.replace("on the sink", "in the test"),
                false => problem.help.to_owned(),
            };
            draft.blame(span, problem.reason, Some(help));
            return Err(draft.diagnostics.into());
        }
    };
    if !draft.diagnostics.is_empty() {
        return Err(draft.diagnostics.into());
    }
    for one in &draft.replaceable {
        let node = draft.nodes.get(one.node);
        let stops = node.is_some_and(|node| node.on_reject == OnReject::Stop);
        one.replaceable.set_strict(stops);
    }
    Ok(Plan {
        manifest: Arc::new(draft.manifest.clone()),
        name: draft.manifest.name.value.clone(),
        trigger,
        lanes,
        clock: environment.clock.clone(),
        nodes: draft.nodes,
        sources: draft.sources,
        tables: draft.tables,
        sinks: draft.sinks,
        vertices: draft.vertices,
        topology,
        replaceable: draft.replaceable,
        cancel: draft.cancel,
        logs: draft.logs,
        checkpoint: None,
        shared: false,
        closes_at_end: draft.manifest.at_end == AtEnd::Close,
        replay: Vec::new(),
    })
}
