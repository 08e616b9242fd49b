//! What differs between two plans, node by node.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_manifest::{Manifest, Plugin, Sink, Source, Transform};

use crate::plan::Plan;
use crate::recovery::Fit;

/// What a manifest changes of a pipeline that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys of the manifest that are about no single node: `trigger`.
    pub pipeline: Vec<&'static str>,
    /// Every node: in the order of the new manifest, then those that it has no more.
    pub nodes: Vec<NodeChange>,
}

/// What it changes of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeChange {
    /// The node's name.
    pub node: String,
    /// How it differs.
    pub difference: Difference,
    /// What becomes of what is kept of it.
    pub fit: Fit,
}

/// How a node differs from the one that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It does not: it keeps its connections and its state.
    Same,
    /// In these respects, named as in the manifest.
    Changed(Vec<&'static str>),
    /// There was none of that name.
    Added,
    /// There is none of that name any more.
    Removed,
}

// === impl Changes ===

impl Changes {
    /// From the plan that runs to another one; of what is kept nothing is known.
    pub(crate) fn between(before: &Plan, now: &Plan) -> Self {
        let mut nodes: Vec<NodeChange> = Vec::new();
        for name in names(&now.manifest) {
            let difference = difference(before, now, name);
            nodes.push(change(name, difference));
        }
        let gone = names(&before.manifest).filter(|name| !has(&now.manifest, name));
        nodes.extend(gone.map(|name| change(name, Difference::Removed)));
        Self {
            pipeline: pipeline(before, now),
            nodes,
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let same = |node: &NodeChange| node.difference == Difference::Same;
        self.pipeline.is_empty() && self.nodes.iter().all(same)
    }

    /// What a node's difference is; `None` if nobody is called so.
    pub(crate) fn of(&self, node: &str) -> Option<&Difference> {
        let found = self.nodes.iter().find(|change| change.node == node);
        found.map(|change| &change.difference)
    }

    /// In one line, for the log.
    pub(crate) fn told(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.pipeline.iter().map(|key| format!("`{key}` changes")));
        for NodeChange {
            node, difference, ..
        } in &self.nodes
        {
            parts.extend(match difference {
                Difference::Same => None,
                Difference::Changed(what) => {
                    Some(format!("`{node}` changes ({})", what.join(", ")))
                }
                Difference::Added => Some(format!("`{node}` is added")),
                Difference::Removed => Some(format!("`{node}` is removed")),
            });
        }
        parts.join(", ")
    }
}

fn change(node: &str, difference: Difference) -> NodeChange {
    NodeChange {
        node: node.to_owned(),
        fit: match difference {
            Difference::Added => Fit::New,
            _ => Fit::Kept,
        },
        difference,
    }
}

/// Names of nodes, in the order of the manifest.
fn names(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let sources = manifest.sources.keys().map(String::as_str);
    let transforms = manifest.transforms.keys().map(String::as_str);
    let sinks = manifest.sinks.keys().map(String::as_str);
    sources.chain(transforms).chain(sinks)
}

fn has(manifest: &Manifest, name: &str) -> bool {
    names(manifest).any(|of| of == name)
}

/// What is about no single node.
fn pipeline(before: &Plan, now: &Plan) -> Vec<&'static str> {
    let (old, new) = (&before.manifest, &now.manifest);
    differing(&[
        ("trigger", old.trigger == new.trigger),
        ("parallelism", before.lanes == now.lanes),
        ("checkpoint", old.checkpoint == new.checkpoint),
        ("dead_letters", old.dead_letters == new.dead_letters),
        ("at_end", old.at_end == new.at_end),
    ])
}

fn difference(before: &Plan, now: &Plan, name: &str) -> Difference {
    let (old, new) = (&before.manifest, &now.manifest);
    let mut what = match (kind(old, name), kind(new, name)) {
        (Some(Kind::Source(before)), Some(Kind::Source(now))) => source(before, now),
        (Some(Kind::Transform(before)), Some(Kind::Transform(now))) => transform(before, now),
        (Some(Kind::Sink(before)), Some(Kind::Sink(now))) => sink(before, now),
        (Some(_), Some(_)) => vec!["kind"],
        (None, _) | (_, None) => return Difference::Added,
    };
    if columns(before, name) != columns(now, name) {
        what.push("columns");
    }
    what.extend(plugins(before, now, name));
    match what.is_empty() {
        true => Difference::Same,
        false => Difference::Changed(what),
    }
}

/// A node as the manifest has it.
enum Kind<'a> {
    Source(&'a Source),
    Transform(&'a Transform),
    Sink(&'a Sink),
}

fn kind<'a>(manifest: &'a Manifest, name: &str) -> Option<Kind<'a>> {
    let source = manifest.sources.get(name).map(Kind::Source);
    let transform = || manifest.transforms.get(name).map(Kind::Transform);
    let sink = || manifest.sinks.get(name).map(Kind::Sink);
    source.or_else(transform).or_else(sink)
}

fn source(before: &Source, now: &Source) -> Vec<&'static str> {
    differing(&[
        ("connector", before.connector == now.connector),
        ("schema", before.columns == now.columns),
        ("format", before.format == now.format),
        ("header", before.header == now.header),
        ("avro", before.avro == now.avro),
        ("keep", before.keep == now.keep),
        ("on_error", before.on_error == now.on_error),
        ("durability", before.durability == now.durability),
        ("journal_size", before.journal_size == now.journal_size),
        ("on_full", before.on_full == now.on_full),
        ("time", before.time == now.time),
        ("static", before.is_static() == now.is_static()),
    ])
}

fn transform(before: &Transform, now: &Transform) -> Vec<&'static str> {
    differing(&[
        ("from", before.from == now.from),
        ("sql", before.sql == now.sql),
        ("plugin", before.plugin == now.plugin),
        ("key", before.key == now.key),
        ("config", before.config == now.config),
        ("max_rows", before.max_rows == now.max_rows),
        ("max_wait", before.max_wait == now.max_wait),
        ("on_error", before.on_error == now.on_error),
        ("late", before.late == now.late),
        ("state", before.state == now.state),
    ])
}

fn sink(before: &Sink, now: &Sink) -> Vec<&'static str> {
    differing(&[
        ("connector", before.connector == now.connector),
        ("from", before.from == now.from),
        ("plugin", before.plugin == now.plugin),
        ("config", before.config == now.config),
        ("max_rows", before.max_rows == now.max_rows),
        ("max_wait", before.max_wait == now.max_wait),
        ("format", before.format == now.format),
        ("header", before.header == now.header),
        ("avro", before.avro == now.avro),
        ("mode", before.mode() == now.mode()),
        ("on_error", before.on_error == now.on_error),
    ])
}

/// The columns that a node gives, or a sink gets.
fn columns<'a>(plan: &'a Plan, name: &str) -> Option<&'a SchemaRef> {
    let number = plan.nodes.iter().position(|node| *node.name == *name)?;
    let given = plan.nodes.get(number)?.schema.as_ref();
    given.or_else(|| {
        let sink = plan.sinks.iter().find(|sink| sink.node == number)?;
        Some(&sink.schema)
    })
}

/// Whether a node runs other components, or the manifest says something else of them.
fn plugins(before: &Plan, now: &Plan, name: &str) -> Vec<&'static str> {
    let digests = |plan: &Plan| -> Vec<(Arc<str>, String)> {
        let of_node = |number: &usize| {
            let node = plan.nodes.get(*number);
            node.is_some_and(|node| *node.name == *name)
        };
        let own = plan.replaceable.iter().filter(|one| of_node(&one.node));
        own.map(|one| (one.name.clone(), one.replaceable.digest()))
            .collect()
    };
    let (old, new) = (digests(before), digests(now));
    let same = old == new;
    let (old, new) = (called(before, name, &old), called(now, name, &new));
    let alike = |same: fn(&Plugin, &Plugin) -> bool| {
        // Where there are others, the component says so.
        old.len() != new.len() || old.iter().zip(&new).all(|(old, new)| same(old, new))
    };
    differing(&[
        ("component", same),
        ("limits", alike(|old, new| old.limits == new.limits)),
        ("grants", alike(|old, new| old.grants == new.grants)),
        ("sha256", alike(|old, new| old.sha256 == new.sha256)),
        ("plugins.config", alike(|old, new| old.config == new.config)),
    ])
}

/// What the manifest says of the plugins that a node runs; those that a query calls are known by
/// what records call them, `node.function`.
fn called<'a>(plan: &'a Plan, name: &str, replaceable: &[(Arc<str>, String)]) -> Vec<&'a Plugin> {
    let manifest = &plan.manifest;
    let own = match kind(manifest, name) {
        Some(Kind::Transform(transform)) => transform.plugin.as_ref(),
        Some(Kind::Sink(sink)) => sink.plugin.as_ref(),
        Some(Kind::Source(_)) | None => None,
    };
    let own = own.map(|own| own.value.as_str()).into_iter();
    let functions = replaceable
        .iter()
        .filter_map(|(name, _)| name.split_once('.'));
    let functions = functions.map(|(_, function)| function);
    let all = own.chain(functions);
    all.filter_map(|plugin| manifest.plugins.get(plugin))
        .collect()
}

/// The names of what is not the same.
fn differing(same: &[(&'static str, bool)]) -> Vec<&'static str> {
    let differing = same.iter().filter(|(_, same)| !same);
    differing.map(|(name, _)| *name).collect()
}
