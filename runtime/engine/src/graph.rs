//! The graph of a pipeline: vertices, how output modes multiply them, and where lanes are cut.
//!
//! A manifest node becomes one vertex, an SQL node one vertex a step. Vertices
//! below an aggregate are instantiated once for each output mode that sinks
//! below them ask for; then every instance gets a stage, and an edge that
//! crosses stages becomes a channel.

mod cut;
mod expand;
#[cfg(test)]
mod tests;
mod time;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_model::{Mode, Result};
use azud_operators::Operator;

pub(crate) use cut::{Instance, Route, Target, Topology};
pub(crate) use expand::{ModeProblem, below_batch, below_changing};

/// Makes the operator of a lane, for the modes that its ports stand for.
pub(crate) type MakeOperator = Arc<dyn Fn(&[Mode]) -> Result<Box<dyn Operator>> + Send + Sync>;

/// What a vertex does with what reaches it.
#[derive(Clone)]
pub(crate) enum Work {
    /// Decodes the records of source number n.
    Source(usize),
    /// Runs an operator.
    Operator(MakeOperator),
    /// Hands rows to sink number n.
    Sink(usize),
}

/// Where an edge starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct From {
    /// The vertex above.
    pub(crate) vertex: usize,
    /// Which of its rows the edge carries.
    pub(crate) side: Side,
}

/// Which rows of a vertex an edge carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// What it makes.
    Output,
    /// What it could not process.
    Rejected,
    /// What came too late for it.
    Late,
}

/// One piece of work, before modes and lanes.
#[derive(Clone)]
pub(crate) struct Vertex {
    /// Number of the manifest node that it belongs to.
    pub(crate) node: usize,
    /// What it does.
    pub(crate) work: Work,
    /// For every input, the edges that end in it.
    pub(crate) inputs: Vec<Vec<From>>,
    /// For every input, the columns of its rows, where what the vertex rejects can be replayed.
    pub(crate) reads: Vec<SchemaRef>,
    /// Whether it calls the plugins of an SQL node: aggregates.
    pub(crate) calls: bool,
    /// The node that is a table, and its rows are joined with.
    pub(crate) table: Option<usize>,
    /// Rows reach it in the lane of their key group; no columns: all in one lane.
    pub(crate) exchange: Option<Vec<usize>>,
    /// Whether it runs on threads of its own: what waits for others must not
    /// hold up what is beside it.
    pub(crate) own_stage: bool,
    /// Whether its rows replace earlier ones: an aggregate over all epochs.
    pub(crate) changing: bool,
    /// Whether it keeps rows over epochs, and gives rows that never change: a join.
    pub(crate) keeps: bool,
    /// Whether it counts rows over epochs in mode append, and keeps nothing in mode complete: a
    /// limit.
    pub(crate) counts: bool,
    /// Its rows may be so far behind the watermark, in microseconds.
    pub(crate) behind: i64,
    /// Whether the watermark makes its rows final: then they can be appended.
    pub(crate) closes: bool,
    /// Whether it goes by the clock, and not by the event time of sources.
    pub(crate) by_clock: bool,
    /// Modes that its rows cannot be in, and why.
    pub(crate) refuses: &'static [(Mode, &'static str)],
    /// The vertex that it takes late rows out for: it has that one's modes and watermark.
    pub(crate) serves: Option<usize>,
    /// Whether its rows stand for one epoch each: an aggregate with `state: batch`.
    pub(crate) of_batch: bool,
    /// The mode that a sink asks for.
    pub(crate) mode: Mode,
    /// Whether what it emits is the node's output, and not a step within the node.
    pub(crate) output: bool,
}

// === impl Vertex ===

impl Vertex {
    /// A vertex that runs beside what it reads, in append mode: whoever needs more says so.
    pub(crate) fn new(node: usize, work: Work, inputs: Vec<Vec<From>>) -> Self {
        Self {
            node,
            work,
            inputs,
            reads: Vec::new(),
            calls: false,
            table: None,
            exchange: None,
            own_stage: false,
            changing: false,
            keeps: false,
            counts: false,
            behind: 0,
            closes: false,
            by_clock: false,
            refuses: &[],
            serves: None,
            of_batch: false,
            mode: Mode::Append,
            output: false,
        }
    }
}

impl Vertex {
    /// Whether it keeps something over epochs: rows that enter it must never change.
    pub(crate) fn is_stateful(&self) -> bool {
        self.changing || self.keeps
    }
}

// === impl From ===

impl From {
    /// What a vertex makes.
    pub(crate) fn output(vertex: usize) -> Self {
        Self {
            vertex,
            side: Side::Output,
        }
    }

    /// Whether the edge carries what the vertex makes.
    pub(crate) fn is_output(self) -> bool {
        self.side == Side::Output
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Source(number) => write!(f, "Source({number})"),
            Self::Operator(_) => f.write_str("Operator"),
            Self::Sink(number) => write!(f, "Sink({number})"),
        }
    }
}
