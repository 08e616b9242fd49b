//! The manifest while it is being checked: the nodes that could be read, and the names of all.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::DeserializeOwned;

use crate::{
    Connector, ConnectorUse, Manifest, Plugin, Sink, Source, Span, Spanned, Test, Transform,
    columns::columns,
    decode::decode,
    manifest::Root,
    report::Findings,
    tests,
    text::Text,
    yaml::{Entry, Kind, Node},
};

/// What kind of node a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Source,
    Transform,
    Sink,
}

pub(crate) struct Draft {
    /// The manifest's own keys; `None` when one of them is wrong.
    pub(crate) root: Option<Root>,
    pub(crate) sources: IndexMap<String, Source>,
    pub(crate) transforms: IndexMap<String, Transform>,
    pub(crate) sinks: IndexMap<String, Sink>,
    pub(crate) plugins: IndexMap<String, Plugin>,
    /// Every node's name, also of those with errors: nobody must call them unknown.
    pub(crate) names: Vec<(NodeKind, Spanned<String>)>,
    /// Whether `names` is all, so that other names are unknown: every section is a map.
    pub(crate) names_complete: bool,
    /// The same for plugins.
    pub(crate) plugin_names: Vec<String>,
    pub(crate) tests: Vec<Test>,
}

impl Draft {
    pub(crate) fn read(
        tree: &Node,
        connectors: &[Connector],
        root: Option<Root>,
        findings: &mut Findings,
    ) -> Self {
        let names = [
            (NodeKind::Source, "sources"),
            (NodeKind::Transform, "transforms"),
            (NodeKind::Sink, "sinks"),
        ]
        .into_iter()
        .flat_map(|(kind, section)| {
            entries(tree, section)
                .iter()
                .map(move |entry| (kind, name(entry)))
        })
        .collect();
        let mut draft = Self {
            root,
            sources: IndexMap::new(),
            transforms: section(tree, "transforms", findings),
            sinks: IndexMap::new(),
            plugins: section(tree, "plugins", findings),
            names,
            names_complete: tree
                .get("sources")
                .is_some_and(|node| matches!(node.kind, Kind::Map(_)))
                && is_map_or_absent(tree, "transforms")
                && is_map_or_absent(tree, "plugins"),
            plugin_names: entries(tree, "plugins")
                .iter()
                .map(|entry| entry.key.clone())
                .collect(),
            tests: tests::read(tree, findings),
        };
        for entry in entries(tree, "sources") {
            let (body, connector) = split(entry, connectors);
            if let Some(mut source) = sound::<Source>(entry, &body, findings) {
                source.connector = connector;
                source.name = name(entry);
                source.columns = columns(&source, findings);
                draft.sources.insert(entry.key.clone(), source);
            }
        }
        for entry in entries(tree, "sinks") {
            let (body, connector) = split(entry, connectors);
            if let Some(mut sink) = sound::<Sink>(entry, &body, findings) {
                sink.connector = connector;
                sink.name = name(entry);
                draft.sinks.insert(entry.key.clone(), sink);
            }
        }
        for entry in entries(tree, "transforms") {
            if let Some(transform) = draft.transforms.get_mut(&entry.key) {
                transform.name = name(entry);
            }
        }
        for entry in entries(tree, "plugins") {
            if let Some(plugin) = draft.plugins.get_mut(&entry.key) {
                plugin.name = name(entry);
            }
        }
        draft
    }

    /// The manifest, if its own keys could be read.
    pub(crate) fn finish(self, text: Arc<Text>) -> Option<Manifest> {
        let root = self.root?;
        Some(Manifest {
            text,
            name: root.name,
            trigger: root.trigger,
            parallelism: root.parallelism,
            checkpoint: root.checkpoint,
            dead_letters: root.dead_letters,
            at_end: root.at_end,
            sources: self.sources,
            transforms: self.transforms,
            sinks: self.sinks,
            plugins: self.plugins,
            tests: self.tests,
        })
    }
}

fn entries<'n>(tree: &'n Node, section: &str) -> &'n [Entry] {
    tree.get(section).map_or(&[], Node::entries)
}

fn is_map_or_absent(tree: &Node, section: &str) -> bool {
    tree.get(section)
        .is_none_or(|node| matches!(node.kind, Kind::Map(_)))
}

fn name(entry: &Entry) -> Spanned<String> {
    Spanned::new(entry.key.clone(), entry.key_span)
}

fn section<T: DeserializeOwned>(
    tree: &Node,
    section: &str,
    findings: &mut Findings,
) -> IndexMap<String, T> {
    entries(tree, section)
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), sound(entry, &entry.value, findings)?)))
        .collect()
}

/// Reads the body of an entry with which nothing is wrong so far.
fn sound<T: DeserializeOwned>(entry: &Entry, body: &Node, findings: &mut Findings) -> Option<T> {
    let whole = Span::new(entry.key_span.start, entry.value.span.end);
    if findings.blame(whole) {
        None
    } else {
        decode(body, findings)
    }
}

/// Parts a node's own keys from its connector.
fn split(entry: &Entry, connectors: &[Connector]) -> (Node, ConnectorUse) {
    let is_connector = |entry: &&Entry| {
        connectors
            .iter()
            .any(|connector| connector.name == entry.key)
    };
    let connector = entry
        .value
        .entries()
        .iter()
        .find(is_connector)
        .map(|found| {
            let spans = found
                .value
                .entries()
                .iter()
                .map(|option| (option.key.clone(), option.value.span));
            ConnectorUse::new(name(found), found.value.to_json(), spans.collect())
        });
    let rest = entry
        .value
        .entries()
        .iter()
        .filter(|entry| !is_connector(entry))
        .cloned();
    let body = Node::new(entry.value.span, Kind::Map(rest.collect()));
    (body, connector.unwrap_or_default())
}
