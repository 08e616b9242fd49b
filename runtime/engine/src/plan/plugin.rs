//! Plugin nodes: loads the component, and opens it with the node's configuration and columns.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_manifest::{Plugin as PluginEntry, PluginFile, Spanned, Transform as TransformNode};
use azud_model::{ByteSize, Mode};
use azud_sandbox::{Limits, Plugin, Transform, World};

use super::node::{Draft, Output, columns_and_nulls};
use super::{Environment, keyed};
use crate::graph::{MakeOperator, Vertex, Work};
use crate::plugin::{MAX_ROWS, PluginOperator};
use crate::swap::{InLane, Opener, Terms, Versions};

pub(super) fn add(
    draft: &mut Draft<'_>,
    node: &TransformNode,
    name: &Spanned<String>,
    environment: &Environment<'_>,
) {
    let number = draft.add_node(&node.name.value, node.on_error);
    let Some(input) = draft.read(&node.from) else {
        return;
    };
    draft.note_rejected_readers(&input.from);
    let Some((plugin, entry)) = loaded(draft, name, environment) else {
        return;
    };
    // One that is both is what the node says.
    if plugin.is(World::Keyed) && (!plugin.is(World::Transform) || !node.key.is_empty()) {
        keyed::add(
            draft,
            node,
            (number, input),
            (name, &plugin, entry),
            environment,
        );
        return;
    }
    if let Some(key) = node.key.first().filter(|_| plugin.is(World::Transform)) {
        let message = format!(
            "`key` is for plugins with state, and `{}` has none",
            name.value
        );
        let help = "a transform is given rows as they come: remove `key`, or let the plugin export \
                    `keyed` (azud new plugin NAME --world keyed)";
        draft.blame(key.span, message, Some(help.to_owned()));
        return;
    }
    if let Some(late) = node.late.as_ref().filter(|_| plugin.is(World::Transform)) {
        let message =
            "`late` is for nodes with windows or timers: a transform takes rows as they come";
        draft.blame(late.span, message, None);
        return;
    }
    // What is no transform is told below.
    if plugin.is(World::Transform) && no_grants(draft, node, name, entry) {
        return;
    }
    let (config, limits) = (config(node.config.as_ref()), limits(entry));
    let log = draft.log(&node.name.value, &limits);
    let open: Opener<Transform> = {
        let schema = input.schema.clone();
        Arc::new(move |plugin| {
            let (limits, logger) = (limits.clone(), log.of(plugin));
            Transform::open(plugin, &config, &schema, limits, logger)
        })
    };
    let first = match open(&plugin) {
        Ok(transform) => transform,
        Err(error) => {
            let span = node.config.as_ref().map_or(name.span, |config| config.span);
            draft.blame(span, format!("plugin `{}`: {error}", name.value), None);
            return;
        }
    };
    draft.set_plugin(number, plugin.digest());
    let schema = first.output_schema().clone();
    let carried = carried_times(&first, &input);
    let times = azud_sql::Times {
        columns: carried.clone(),
        delay: input.times.delay,
    };
    let max_rows = node
        .max_rows
        .as_ref()
        .map_or(MAX_ROWS, |max_rows| max_rows.value.get());
    let max_wait = node.max_wait.as_ref().map(|max_wait| max_wait.value.into());
    let clock = environment.clock.clone();
    let name: Arc<str> = node.name.value.as_str().into();
    let terms = Terms {
        name: name.clone(),
        sandbox: environment.sandbox.clone(),
        world: World::Transform,
        pinned: entry.sha256.as_ref().map(|sha256| sha256.value.clone()),
        // It reaches nobody, whatever it imports.
        ungranted: Vec::new(),
        open,
        fits: Box::new({
            let (input, schema) = (input.clone(), schema.clone());
            move |other| same_shape(other, &schema, &carried, &input)
        }),
        tries: |transform, rows| transform.process(rows).map(drop),
        can_shadow: true,
        memory: Transform::memory,
        instances: 1,
    };
    let versions = Arc::new(Versions::new(terms, plugin, first));
    draft.set_replaceable(number, name.clone(), versions.clone());
    let make: MakeOperator = Arc::new(move |_: &[Mode]| {
        let plugin = InLane::new(&versions)?;
        let (name, clock) = (name.clone(), clock.clone());
        let operator = PluginOperator::new(name, plugin, max_rows, max_wait, clock);
        Ok(Box::new(operator))
    });
    let vertex = Vertex {
        output: true,
        reads: vec![input.schema.clone()],
        ..Vertex::new(number, Work::Operator(make), vec![input.from])
    };
    let vertex = draft.add_vertex(vertex, node.name.span);
    draft.add_output(&node.name.value, number, vertex, schema, times);
}

/// The columns that are event time still: one that the plugin computes is none, whatever its
/// name is.
fn carried_times(transform: &Transform, input: &Output) -> Vec<String> {
    let fields = transform.output_schema().fields().iter();
    let times = fields.zip(transform.carried()).filter_map(|(field, of)| {
        let of = input.schema.fields().get(of?)?.name();
        let is_time = input.times.columns.contains(of);
        is_time.then(|| field.name().clone())
    });
    times.collect()
}

/// Whether another version gives what those who read the node were planned for.
fn same_shape(
    other: &Transform,
    schema: &SchemaRef,
    carried: &[String],
    input: &Output,
) -> Result<(), String> {
    let now = other.output_schema();
    if now != schema {
        return Err(format!(
            "it gives other columns: {} instead of {}",
            columns_and_nulls(now),
            columns_and_nulls(schema)
        ));
    }
    match carried_times(other, input) == carried {
        true => Ok(()),
        false => Err(format!(
            "it computes what it has carried before: event time is no longer {}",
            carried.join(", ")
        )),
    }
}

/// Whether a plugin that maps rows asks for grants, which is told: it gets none.
pub(super) fn no_grants(
    draft: &mut Draft<'_>,
    node: &TransformNode,
    name: &Spanned<String>,
    entry: &PluginEntry,
) -> bool {
    let Some(grants) = &entry.grants else {
        return false;
    };
    let message = format!(
        "`{}` is used by `{}` as a transform, and a transform gets no grants",
        name.value, node.name.value
    );
    let help = "only sinks reach files and networks: a transform maps rows, and the same rows \
                always to the same";
    draft.blame(grants.span, message, Some(help.to_owned()));
    true
}

/// The component that a node names, loaded once a manifest; `None` where that was told.
pub(super) fn loaded<'a>(
    draft: &mut Draft<'a>,
    name: &Spanned<String>,
    environment: &Environment<'_>,
) -> Option<(Plugin, &'a PluginEntry)> {
    let manifest = draft.manifest;
    let Some(entry) = manifest.plugins.get(&name.value) else {
        draft.blame(name.span, format!("no plugin `{}`", name.value), None);
        return None;
    };
    let plugin = match draft.plugins.get(&name.value) {
        Some(known) => known.clone(),
        None => {
            let loaded = load(draft, entry, environment);
            draft.plugins.insert(name.value.clone(), loaded.clone());
            loaded
        }
    };
    Some((plugin?, entry))
}

/// The configuration of a node as JSON.
pub(super) fn config(config: Option<&Spanned<serde_json::Value>>) -> String {
    config.map_or_else(|| "{}".to_owned(), |config| config.value.to_string())
}

fn load(
    draft: &mut Draft<'_>,
    entry: &PluginEntry,
    environment: &Environment<'_>,
) -> Option<Plugin> {
    let (PluginFile::Path(place) | PluginFile::Source(place)) = entry.file();
    let path = match (environment.find_plugin)(entry) {
        Ok(path) => path,
        Err(message) => {
            draft.blame(place.span, message, None);
            return None;
        }
    };
    let sha256 = entry.sha256.as_ref();
    match Plugin::load(
        &environment.sandbox,
        &path,
        sha256.map(|sha256| sha256.value.as_str()),
    ) {
        Ok(plugin) => {
            if let Some(config) = entry
                .config
                .as_ref()
                .filter(|_| !plugin.is(World::Aggregate))
            {
                let message = "`config` of a plugin is for aggregates";
                let help = "a transform and a sink have theirs beside the node's `plugin`";
                draft.blame(config.span, message, Some(help.to_owned()));
            }
            Some(plugin)
        }
        Err(error) => {
            let span = match (&error, sha256) {
                (azud_sandbox::LoadError::Digest { .. }, Some(sha256)) => sha256.span,
                _ => place.span,
            };
            draft.blame(span, error.to_string(), None);
            None
        }
    }
}

/// The limits of an entry, the defaults where it says nothing.
pub(super) fn limits(entry: &PluginEntry) -> Limits {
    let (own, usual) = (&entry.limits, Limits::default());
    Limits {
        memory: own.memory.map_or(usual.memory, ByteSize::as_usize),
        deadline: own.deadline.map_or(usual.deadline, Into::into),
        timeout: own.timeout.map_or(usual.timeout, Into::into),
        output: own.output.map_or(usual.output, ByteSize::as_usize),
        log_rate: own.log_rate.unwrap_or(usual.log_rate),
        ..usual
    }
}
