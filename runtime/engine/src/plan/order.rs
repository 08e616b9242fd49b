//! In which order nodes can be planned: what a node reads comes first.

use azud_manifest::{Manifest, Sink, Span, Spanned, Step, Transform, find_cycle};

use super::node::{Draft, LATE, REJECTED};

/// A node that reads others.
#[derive(Clone, Copy)]
pub(super) enum Node<'a> {
    Transform(&'a Transform),
    /// A sink comes before those that read what it rejects.
    Sink(&'a Sink),
}

// === impl Node ===

impl Node<'_> {
    fn name(&self) -> &Spanned<String> {
        match self {
            Self::Transform(transform) => &transform.name,
            Self::Sink(sink) => &sink.name,
        }
    }
}

/// All nodes but sources and the sink of dead letters, in topological order, and
/// where nothing decides in that of the manifest, sinks last; those with errors
/// are told and left out.
pub(super) fn order<'a>(draft: &mut Draft<'_>, manifest: &'a Manifest) -> Vec<Node<'a>> {
    let mut reads: Vec<(Node<'_>, Vec<String>)> = Vec::new();
    for transform in manifest.transforms.values() {
        let tables = match transform.step() {
            Step::Plugin(_) => names(&transform.from),
            Step::Sql(sql) => match azud_sql::tables(&sql.value) {
                Ok(tables) => resolve(manifest, tables),
                Err(error) => {
                    super::sql::blame(draft, sql, &error);
                    continue;
                }
            },
        };
        reads.push((Node::Transform(transform), tables));
    }
    let dead_letters = manifest.dead_letters.as_ref().map(|name| &name.value);
    let sinks = manifest.sinks.values();
    let sinks = sinks.filter(|sink| dead_letters != Some(&sink.name.value));
    reads.extend(sinks.map(|sink| (Node::Sink(sink), names(&sink.from))));
    let edges: Vec<(&str, Vec<&str>)> = reads
        .iter()
        .map(|(node, tables)| {
            let tables = tables.iter().map(String::as_str).collect();
            (node.name().value.as_str(), tables)
        })
        .collect();
    if let Some(cycle) = find_cycle(&edges) {
        let first = reads
            .iter()
            .find(|(node, _)| cycle.first() == Some(&node.name().value.as_str()));
        let span = first.map_or_else(Span::default, |(node, _)| node.name().span);
        let mut path = cycle.clone();
        path.extend(cycle.first());
        let message = format!("nodes read each other in a cycle: {}", path.join(" -> "));
        draft.blame(span, message, None);
        return Vec::new();
    }
    sort(reads)
}

/// The nodes that `from` names, side outputs or not.
fn names(from: &[Spanned<String>]) -> Vec<String> {
    let name = |from: &Spanned<String>| node_of(&from.value).to_owned();
    from.iter().map(name).collect()
}

/// The node of a name with or without a side output.
fn node_of(name: &str) -> &str {
    let node = name.strip_suffix(REJECTED).or(name.strip_suffix(LATE));
    node.unwrap_or(name)
}

/// SQL's names are case-insensitive: finds the nodes that are meant.
fn resolve(manifest: &Manifest, tables: Vec<String>) -> Vec<String> {
    let nodes = || {
        let sources = manifest.sources.keys();
        sources
            .chain(manifest.transforms.keys())
            .chain(manifest.sinks.keys())
    };
    let node = |table: String| {
        let table = node_of(&table).to_owned();
        match nodes().find(|node| node.eq_ignore_ascii_case(&table)) {
            Some(node) => node.clone(),
            None => table,
        }
    };
    tables.into_iter().map(node).collect()
}

/// Takes what has nothing left to wait for, until nothing is left. No cycle is left to hang on.
fn sort(mut waiting: Vec<(Node<'_>, Vec<String>)>) -> Vec<Node<'_>> {
    let mut sorted = Vec::new();
    while !waiting.is_empty() {
        let names: Vec<String> = waiting
            .iter()
            .map(|(node, _)| node.name().value.clone())
            .collect();
        let is_ready = |reads: &[String]| !reads.iter().any(|read| names.contains(read));
        let transform_is_ready = waiting
            .iter()
            .any(|(node, reads)| matches!(node, Node::Transform(_)) && is_ready(reads));
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(node, reads)| {
            let turn = matches!(node, Node::Transform(_)) || !transform_is_ready;
            turn && is_ready(reads)
        });
        if ready.is_empty() {
            break;
        }
        sorted.extend(ready.into_iter().map(|(node, _)| node));
        waiting = rest;
    }
    sorted
}
