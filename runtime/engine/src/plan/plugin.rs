//! Plugin nodes: loads the component, and opens it with the node's configuration and columns.

use std::sync::{Arc, Mutex};

use azud_manifest::{Plugin as PluginEntry, PluginFile, Spanned, Transform as TransformNode};
use azud_model::{Error, Mode};
use azud_sandbox::{Limits, Plugin, Transform};

use super::Environment;
use super::node::Draft;
use crate::graph::{MakeOperator, Vertex, Work};
use crate::plugin::{MAX_ROWS, NodeLogger, PluginOperator};

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
    let Some(entry) = draft.manifest.plugins.get(&name.value) else {
        draft.blame(name.span, format!("no plugin `{}`", name.value), None);
        return;
    };
    let plugin = match draft.plugins.get(&name.value) {
        Some(known) => known.clone(),
        None => {
            let loaded = load(draft, entry, environment);
            draft.plugins.insert(name.value.clone(), loaded.clone());
            loaded
        }
    };
    let Some(plugin) = plugin else {
        return;
    };
    let config = match &node.config {
        Some(config) => config.value.to_string(),
        None => "{}".to_owned(),
    };
    let limits = limits(entry);
    let logger = Arc::new(NodeLogger {
        node: node.name.value.as_str().into(),
    });
    let open = {
        let (plugin, schema) = (plugin.clone(), input.schema.clone());
        move || Transform::open(&plugin, &config, &schema, limits.clone(), logger.clone())
    };
    let first = match open() {
        Ok(transform) => transform,
        Err(error) => {
            let span = node.config.as_ref().map_or(name.span, |config| config.span);
            draft.blame(span, format!("plugin `{}`: {error}", name.value), None);
            return;
        }
    };
    draft.set_plugin(number, plugin.digest());
    let schema = first.output_schema().clone();
    let max_rows = node
        .max_rows
        .as_ref()
        .map_or(MAX_ROWS, |max_rows| max_rows.value.get());
    let max_wait = node.max_wait.as_ref().map(|max_wait| max_wait.value.into());
    let clock = environment.clock.clone();
    let name: Arc<str> = node.name.value.as_str().into();
    // The instance that told the schema serves the first lane.
    let first = Mutex::new(Some(first));
    let make: MakeOperator = Arc::new(move |_: &[Mode]| {
        let spare = first.lock().ok().and_then(|mut first| first.take());
        let transform = match spare {
            Some(transform) => transform,
            None => open().map_err(|error| Error::plugin(format!("node `{name}`: {error}")))?,
        };
        Ok(Box::new(PluginOperator::new(
            name.clone(),
            transform,
            max_rows,
            max_wait,
            clock.clone(),
        )))
    });
    let vertex = Vertex {
        node: number,
        work: Work::Operator(make),
        inputs: vec![input.from],
        exchange: None,
        changing: false,
        of_batch: false,
        mode: Mode::Append,
        output: true,
    };
    let vertex = draft.add_vertex(vertex, node.name.span);
    draft.add_output(&node.name.value, number, vertex, schema);
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
        Ok(plugin) => Some(plugin),
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

fn limits(entry: &PluginEntry) -> Limits {
    let mut limits = Limits::default();
    if let Some(memory) = entry.limits.memory {
        limits.memory = memory.as_usize();
    }
    if let Some(deadline) = entry.limits.deadline {
        limits.deadline = deadline.into();
    }
    limits
}
