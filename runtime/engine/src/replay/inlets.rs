//! Where dead letters enter: the decoder of a source, or an input of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_connect::{Format, FormatOptions};
use azud_model::Mode;
use azud_state::ReplayRow;
use serde::de::IgnoredAny;

use crate::graph::{Vertex, Work};
use crate::plan::{Plan, columns};

/// The column of a file's records that the partition is.
const PATH: &str = "path";

/// What the reason of a record starts with that is not there whole.
const CUT: &str = "longer than max_line ";

/// What the reason of a timer starts with that failed, of a plugin with state.
const TIMER: &str = "a timer at ";

/// Every inlet of a plan, by node.
#[derive(Debug, Default)]
pub(crate) struct Inlets {
    nodes: BTreeMap<Arc<str>, Vec<Inlet>>,
}

/// Where rows can be given to a node, or why not.
#[derive(Clone, Debug)]
pub(super) enum Inlet {
    Source {
        instance: usize,
        format: FormatOptions,
    },
    Rows(RowsInlet),
    /// Nothing enters there, for this reason.
    Closed(String),
}

/// An input of a vertex.
#[derive(Clone, Debug)]
pub(super) struct RowsInlet {
    pub(super) instance: usize,
    pub(super) input: usize,
    pub(super) exchange: Option<Vec<usize>>,
    pub(super) schema: SchemaRef,
    /// Whether only rows that a plugin rejected are of it: an aggregate of an SQL node.
    calls: bool,
    /// Why its rows cannot be replayed.
    closed: Option<&'static str>,
}

// === impl Plan ===

impl Plan {
    /// Where dead letters enter.
    pub(crate) fn inlets(&self) -> Inlets {
        let mut inlets = Inlets::default();
        for (number, vertex) in self.vertices.iter().enumerate() {
            let Some(node) = self.nodes.get(vertex.node) else {
                continue;
            };
            let own = self.of_vertex(number, vertex);
            inlets
                .nodes
                .entry(node.name.clone())
                .or_default()
                .extend(own);
        }
        inlets
    }

    fn of_vertex(&self, number: usize, vertex: &Vertex) -> Vec<Inlet> {
        let instances = self.topology.instances.iter().enumerate();
        let mut instances = instances.filter(|(_, instance)| instance.vertex == number);
        let Some((first, instance)) = instances.next() else {
            return Vec::new();
        };
        if let Work::Source(source) = vertex.work {
            return vec![self.of_source(first, source)];
        }
        // What is late is taken out before the rows come to it: they enter before that.
        let serves = |of: &Vertex| of.serves == Some(number);
        let mut above = vertex.inputs.iter().flatten();
        if above.any(|from| self.vertices.get(from.vertex).is_some_and(serves)) {
            return Vec::new();
        }
        let is_final = vertex.is_stateful() || instance.modes == [Mode::Append];
        let is_several = instances.next().is_some();
        let closed = (!is_final || is_several).then_some(
            "its rows come from an aggregate in mode complete or update: later results stand for them",
        );
        let reads = vertex.reads.iter().enumerate();
        reads
            .map(|(input, schema)| {
                Inlet::Rows(RowsInlet {
                    instance: first,
                    input,
                    exchange: vertex.exchange.clone(),
                    schema: schema.clone(),
                    calls: vertex.calls,
                    closed,
                })
            })
            .collect()
    }

    fn of_source(&self, instance: usize, source: usize) -> Inlet {
        let Some(source) = self.sources.get(source) else {
            return Inlet::Closed("its source is gone".to_owned());
        };
        let Some(format) = &source.format else {
            return Inlet::Closed("its source makes rows itself, without records".to_owned());
        };
        let is_path = |name: &str| source.connector == "file" && name == PATH;
        let lacks = format.keep.iter().find(|column| !is_path(&column.name));
        match lacks {
            Some(column) => Inlet::Closed(format!(
                "a dead letter has not the column `{}` that its source keeps beside the record",
                column.name
            )),
            None if format.format == Format::Csv && format.header => Inlet::Closed(
                "it is a line of csv, and a dead letter has not the header of its file".to_owned(),
            ),
            None if source.lookup.is_some() => Inlet::Closed(
                "its record names a schema of a registry, which is asked for what is read only"
                    .to_owned(),
            ),
            None => Inlet::Source {
                instance,
                format: format.clone(),
            },
        }
    }
}

// === impl Inlets ===

impl Inlets {
    /// Where a dead letter enters; or why it cannot.
    pub(super) fn find(&self, row: &ReplayRow) -> Result<Inlet, String> {
        let Some(own) = self.nodes.get(row.node.as_str()) else {
            return Err(format!("the manifest has no node `{}` any more", row.node));
        };
        if let Some(inlet) = own.iter().find(|inlet| !matches!(inlet, Inlet::Rows(_))) {
            return match inlet {
                Inlet::Closed(why) => Err(why.clone()),
                _ if row.reason.starts_with(CUT) => {
                    Err("its record was too long, and only its first bytes are there".to_owned())
                }
                inlet => Ok(inlet.clone()),
            };
        }
        if row.reason.starts_with(TIMER) && row.source.is_none() {
            return Err("a timer failed, and no row".to_owned());
        }
        let keys: BTreeMap<String, IgnoredAny> = serde_json::from_slice(&row.value)
            .map_err(|error| format!("its value is no row in JSON: {error}"))?;
        let keys: BTreeSet<&str> = keys.keys().map(String::as_str).collect();
        let own = own.iter().filter_map(|inlet| match inlet {
            Inlet::Rows(rows) => Some(rows),
            _ => None,
        });
        let own: Vec<&RowsInlet> = own.collect();
        let fits = own.iter().filter(|inlet| inlet.has(&keys));
        let mut fits: Vec<&RowsInlet> = fits.copied().collect();
        // Both the step before an aggregate and the aggregate may have them.
        if row.plugin.is_some() && fits.iter().any(|inlet| inlet.calls) {
            fits.retain(|inlet| inlet.calls);
        }
        match fits.as_slice() {
            [] => Err(no_columns(&own, &keys)),
            [inlet] => match inlet.closed {
                Some(why) => Err(why.to_owned()),
                None => Ok(Inlet::Rows((*inlet).clone())),
            },
            _ => Err(format!(
                "several steps or inputs of `{}` take rows with its columns, and it does not say \
                 which of them rejected it",
                row.node
            )),
        }
    }
}

// === impl RowsInlet ===

impl RowsInlet {
    fn has(&self, keys: &BTreeSet<&str>) -> bool {
        let fields = self.schema.fields();
        fields.len() == keys.len() && fields.iter().all(|of| keys.contains(of.name().as_str()))
    }
}

fn no_columns(own: &[&RowsInlet], keys: &BTreeSet<&str>) -> String {
    let keys: Vec<&str> = keys.iter().copied().collect();
    let keys = match keys.is_empty() {
        true => "none".to_owned(),
        false => keys.join(", "),
    };
    match own {
        [] => "it rejects no rows that could be given to it again".to_owned(),
        [only] => format!(
            "its columns are {keys}, and those of the node are {} now",
            columns(&only.schema)
        ),
        _ => format!("its columns are {keys}, and no step of the node takes rows with these"),
    }
}
