//! What is known of each node while a plan is made, and where errors are put.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use azud_manifest::{Diagnostic, LateRows, Manifest, OnError, Span, Spanned};
use azud_model::{rejected_schema, unite};
use azud_sandbox::{Limits, Plugin};
use azud_sql::Times;

use super::{PlanNode, PlanReplaceable, PlanSink, PlanSource, PlanTable};
use crate::graph::{From, Side, Vertex, Work};
use crate::plugin::{Cancel, NodeLog};
use crate::run::OnReject;
use crate::swap::Replaceable;

/// The suffix of a node's side output of rejected rows.
pub(super) const REJECTED: &str = ".rejected";

/// The suffix of a node's side output of late rows.
pub(super) const LATE: &str = ".late";

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) nodes: Vec<PlanNode>,
    pub(super) sources: Vec<PlanSource>,
    pub(super) tables: Vec<PlanTable>,
    pub(super) sinks: Vec<PlanSink>,
    pub(super) vertices: Vec<Vertex>,
    /// Where each vertex's node is written.
    pub(super) spans: Vec<Span>,
    /// Nodes that can be read so far. A node with errors is missing, and so
    /// are those that read it: one mistake is told once.
    pub(super) outputs: BTreeMap<String, Output>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Plugins by name, once a node has asked for them; `None` if it cannot be loaded.
    pub(super) plugins: BTreeMap<String, Option<Plugin>>,
    /// Plugins that may be replaced while they run: the node, and the name that records have.
    pub(super) replaceable: Vec<PlanReplaceable>,
    /// Gives up the calls of sink plugins.
    pub(super) cancel: Cancel,
    /// The logs of nodes with plugins.
    pub(super) logs: Vec<Arc<NodeLog>>,
    /// Whether the sinks are those of a test.
    pub(super) for_test: bool,
}

/// What can be read of a node.
#[derive(Clone)]
pub(super) struct Output {
    pub(super) from: Vec<From>,
    pub(super) schema: SchemaRef,
    /// Its event time.
    pub(super) times: Times,
}

// === impl Draft ===

impl<'a> Draft<'a> {
    pub(super) fn new(manifest: &'a Manifest) -> Self {
        Self {
            manifest,
            nodes: Vec::new(),
            sources: Vec::new(),
            tables: Vec::new(),
            sinks: Vec::new(),
            vertices: Vec::new(),
            spans: Vec::new(),
            outputs: BTreeMap::new(),
            diagnostics: Vec::new(),
            plugins: BTreeMap::new(),
            replaceable: Vec::new(),
            cancel: Cancel::default(),
            logs: Vec::new(),
            for_test: false,
        }
    }

    pub(super) fn blame(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        let diagnostic = self.manifest.diagnostic(span, message, help);
        self.diagnostics.push(diagnostic);
    }

    /// Adds a node; answers its number.
    pub(super) fn add_node(&mut self, name: &str, on_error: OnError) -> usize {
        self.nodes.push(PlanNode {
            name: name.into(),
            on_reject: match on_error {
                OnError::Stop => OnReject::Stop,
                OnError::Drop => OnReject::Drop,
            },
            plugin: None,
            schema: None,
            has_late: false,
        });
        self.nodes.len() - 1
    }

    /// The log of a node, one for all plugins that it calls.
    pub(super) fn log(&mut self, node: &str, limits: &Limits) -> Arc<NodeLog> {
        if let Some(log) = self.logs.iter().find(|log| log.node() == node) {
            return log.clone();
        }
        let log = NodeLog::new(&self.manifest.name.value, node, limits.log_rate);
        let log = Arc::new(log);
        self.logs.push(log.clone());
        log
    }

    /// Adds a vertex of the node at `span`; answers its number.
    pub(super) fn add_vertex(&mut self, vertex: Vertex, span: Span) -> usize {
        self.vertices.push(vertex);
        self.spans.push(span);
        self.vertices.len() - 1
    }

    /// Makes a node readable: its rows come from `vertex`, its rejected rows from all its vertices.
    pub(super) fn add_output(
        &mut self,
        name: &str,
        node: usize,
        vertex: usize,
        schema: SchemaRef,
        times: Times,
    ) {
        self.add_rejected(name, node);
        if let Some(node) = self.nodes.get_mut(node) {
            node.schema = Some(schema.clone());
        }
        let output = Output {
            from: vec![From {
                vertex,
                side: Side::Output,
            }],
            schema,
            times,
        };
        self.outputs.insert(name.to_owned(), output);
    }

    /// The table of that name.
    pub(super) fn table(&self, name: &str) -> Option<&PlanTable> {
        let is_it = |node: &PlanNode| *node.name == *name;
        let mut tables = self.tables.iter();
        tables.find(|table| self.nodes.get(table.node).is_some_and(is_it))
    }

    /// Makes what a node rejects readable.
    pub(super) fn add_rejected(&mut self, name: &str, node: usize) {
        let of_node = |vertex: &Vertex| vertex.node == node;
        let rejected = (0..)
            .zip(&self.vertices)
            .filter(|(_, vertex)| of_node(vertex));
        let rejected = rejected.map(|(vertex, _)| From {
            vertex,
            side: Side::Rejected,
        });
        let rejected = Output {
            from: rejected.collect(),
            schema: rejected_schema(),
            times: Times::default(),
        };
        self.outputs.insert(format!("{name}{REJECTED}"), rejected);
    }

    /// The same for a sink that is left out: it rejects nothing.
    pub(super) fn add_nothing_rejected(&mut self, name: &str) {
        let nothing = Output {
            from: Vec::new(),
            schema: rejected_schema(),
            times: Times::default(),
        };
        self.outputs.insert(format!("{name}{REJECTED}"), nothing);
    }

    /// What `from:` reads: rows of all its nodes, which must have the same columns.
    pub(super) fn read(&mut self, from: &[Spanned<String>]) -> Option<Output> {
        let mut united: Option<Output> = None;
        for name in from {
            let Some(output) = self.outputs.get(&name.value).cloned() else {
                // Either told already, or the manifest's checks missed it.
                if self.diagnostics.is_empty() {
                    let help = self.why_nothing_late(&name.value);
                    self.blame(name.span, format!("no node `{}`", name.value), help);
                }
                return None;
            };
            match &mut united {
                None => united = Some(output),
                Some(first) if same_columns(&first.schema, &output.schema) => {
                    first.from.extend(output.from);
                    first.schema = unite(&first.schema, &output.schema);
                    let times = &mut first.times;
                    let own = &output.times;
                    times.columns.retain(|time| own.columns.contains(time));
                    times.delay = times.delay.max(own.delay);
                }
                Some(first) => {
                    let message = format!(
                        "`{}` has other columns than `{}`: {} instead of {}",
                        name.value,
                        from.first().map_or("", |first| &first.value),
                        columns(&output.schema),
                        columns(&first.schema),
                    );
                    let help = "give them the same columns with a SELECT in SQL".to_owned();
                    self.blame(name.span, message, Some(help));
                    return None;
                }
            }
        }
        united
    }

    /// Why a node gives no late rows, where that is what is asked for.
    fn why_nothing_late(&self, name: &str) -> Option<String> {
        let transform = self.manifest.transforms.get(name.strip_suffix(LATE)?)?;
        let late = transform.late.as_ref().map(|late| late.value);
        Some(match late {
            Some(LateRows::Drop) => "`late: drop` drops them: remove it".to_owned(),
            _ => format!("no row is late for `{}`", transform.name.value),
        })
    }

    /// Whether a source above has event time.
    pub(super) fn has_event_time(&self, from: &[From]) -> bool {
        from.iter()
            .any(|from| match self.vertices.get(from.vertex) {
                Some(vertex) => match vertex.work {
                    Work::Source(source) => {
                        let source = self.sources.get(source);
                        source.is_some_and(|source| source.time.is_some())
                    }
                    Work::Operator(_) | Work::Sink(_) => {
                        vertex.inputs.iter().any(|from| self.has_event_time(from))
                    }
                },
                None => false,
            })
    }

    /// Notes that somebody reads the rejected rows of every node that `from` names.
    pub(super) fn note_rejected_readers(&mut self, from: &[From]) {
        for from in from.iter().filter(|from| from.side == Side::Rejected) {
            let node = self.vertices.get(from.vertex).map(|vertex| vertex.node);
            if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
                node.on_reject = OnReject::Deliver;
            }
        }
    }

    /// The plugin of a node can be replaced while it runs; `name` is what records call it.
    pub(super) fn set_replaceable(
        &mut self,
        node: usize,
        name: Arc<str>,
        replaceable: Arc<dyn Replaceable>,
    ) {
        self.replaceable.push(PlanReplaceable {
            node,
            name,
            replaceable,
        });
    }

    /// Rows can be late for a node.
    pub(super) fn set_late(&mut self, node: usize) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.has_late = true;
        }
    }

    pub(super) fn set_plugin(&mut self, node: usize, digest: &str) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.plugin = Some(Arc::from(digest));
        }
    }
}

/// Names and types decide; that one side can never be null does not, see [`unite`].
pub(super) fn same_columns(left: &SchemaRef, right: &SchemaRef) -> bool {
    left.fields().len() == right.fields().len()
        && left
            .fields()
            .iter()
            .zip(right.fields())
            .all(|(left, right)| {
                left.name() == right.name() && left.data_type() == right.data_type()
            })
}

/// `word string, count bigint`.
pub(crate) fn columns(schema: &SchemaRef) -> String {
    let columns: Vec<_> = schema.fields().iter().map(|field| column(field)).collect();
    columns.join(", ")
}

/// `word string, count bigint not null`.
pub(super) fn columns_and_nulls(schema: &SchemaRef) -> String {
    let column = |field: &Arc<Field>| match field.is_nullable() {
        true => column(field),
        false => format!("{} not null", column(field)),
    };
    let columns: Vec<_> = schema.fields().iter().map(column).collect();
    columns.join(", ")
}

fn column(field: &Field) -> String {
    let sql = azud_model::ColumnType::from_arrow(field.data_type());
    let sql = sql.map_or_else(|| field.data_type().to_string(), |sql| sql.to_string());
    format!("{} {sql}", field.name())
}
