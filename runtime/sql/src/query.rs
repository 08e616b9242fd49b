//! What a query becomes: streaming steps.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_model::{Mode, Result};
use azud_operators::{Operator, StaticRows, Union};

/// The tables that a query may read: names of nodes, and the columns of their rows.
pub type Tables = BTreeMap<String, Table>;

/// A node's rows.
#[derive(Clone, Debug)]
pub struct Table {
    /// Their columns.
    pub schema: SchemaRef,
    /// Their event time.
    pub times: Times,
    /// `Some`: it does not stream, and streams can be joined with it.
    pub rows: Option<Arc<dyn StaticRows>>,
}

/// The event time of a node's rows: what the watermark speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The columns that hold event time, or windows of it.
    pub columns: Vec<String>,
    /// The longest delay of the sources above, in microseconds: so far behind the latest row
    /// others may come.
    pub delay: i64,
}

/// A planned query: steps, each after those that it reads.
#[derive(Debug)]
pub struct Query {
    /// The steps; a step reads tables and steps before it.
    pub steps: Vec<Step>,
    /// The step whose rows are the query's.
    pub output: usize,
    /// The columns of the query's rows: plain layouts, every column can be null.
    pub schema: SchemaRef,
    /// Which of them hold event time.
    pub times: Times,
    /// The steps that take late rows out, the first one first.
    pub late: Vec<Late>,
}

/// A step that hands late rows to [`azud_operators::Collector::late`].
#[derive(Clone, Debug)]
pub struct Late {
    /// Its number.
    pub step: usize,
    /// The columns of late rows, under the names that the node above has for them.
    pub schema: SchemaRef,
}

/// Where a step's rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A node, under its name in [`Tables`].
    Table(String),
    /// Another step of the query.
    Step(usize),
}

/// One operator of a query, made anew for each lane.
pub struct Step {
    /// What it does: `project`, `filter`, `explode`, `expand`, `union`, `late rows`, `partial aggregate`,
    /// `final aggregate`, `window aggregate`, `session aggregate`, `join`, `table join`,
    /// `drop duplicates`, `sort`, `limit`.
    pub name: &'static str,
    /// Where its rows come from; the operator's input number is the index here.
    pub inputs: Vec<Input>,
    /// The table that it joins its rows with: a node that does not stream.
    pub table: Option<String>,
    /// The columns of its rows.
    pub schema: SchemaRef,
    /// `Some`: rows move between lanes before they reach this step, by the key
    /// group of these columns of the input; with no columns, all of them to
    /// one lane, the only one in which the step then runs. `None`: rows stay.
    pub exchange: Option<Vec<usize>>,
    /// Whether it holds what epochs left behind. Such a step emits at the end
    /// of an epoch, through one port for each of [`StepContext::modes`]; every
    /// other step has port 0 only and passes on what mode it is in.
    pub stateful: bool,
    /// Whether it keeps rows over epochs and gives rows that never change, as they come:
    /// a join. It is not [`Step::stateful`].
    pub keeps: bool,
    /// Whether it is a limit: in mode append it counts rows over epochs, in mode complete it keeps
    /// nothing. The modes of all sinks below are held against what it refuses, also of those
    /// below an aggregate.
    pub counts: bool,
    /// Its rows may be so far behind the watermark, in microseconds.
    pub behind: i64,
    /// Whether the watermark makes its rows final, so that they can be appended.
    pub closes: bool,
    /// Whether it goes by the clock: its watermark is the time of the epoch.
    pub by_clock: bool,
    /// Whether rows that are late for it can be taken all the same: see
    /// [`StepContext::late_updates`].
    pub takes_late: bool,
    /// Modes that its rows cannot be in, and why.
    pub refuses: &'static [(Mode, &'static str)],
    /// The step that it takes late rows out for: it has that one's modes and watermark.
    pub serves: Option<usize>,
    /// Makes the operator for one lane.
    pub make: MakeOperator,
}

/// Makes the operator of a step for one lane.
pub type MakeOperator = Arc<dyn Fn(&StepContext) -> Result<Box<dyn Operator>> + Send + Sync>;

/// What a step's operator has to know of the pipeline around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepContext {
    /// The modes that sinks below ask for: port `i` carries mode `i`. Only
    /// stateful steps look at it.
    pub modes: Vec<Mode>,
    /// The manifest's `state: batch`: state is cleared at the end of each epoch.
    pub state_per_batch: bool,
    /// The manifest's `late: update`: nothing is closed, and late rows count, as they are
    /// counted.
    pub late_updates: bool,
    /// Whether each epoch's rows stand for themselves when they come: an aggregate with
    /// `state: batch` is above.
    pub per_epoch: bool,
}

// === impl Table ===

impl From<SchemaRef> for Table {
    fn from(schema: SchemaRef) -> Self {
        Self {
            schema,
            times: Times::default(),
            rows: None,
        }
    }
}

// === impl Step ===

impl Step {
    /// A step that keeps nothing, and passes rows on as they come.
    pub(crate) fn stateless(name: &'static str, input: Input, schema: SchemaRef) -> Self {
        let made = schema.clone();
        Self {
            name,
            inputs: vec![input],
            table: None,
            schema,
            exchange: None,
            stateful: false,
            keeps: false,
            counts: false,
            behind: 0,
            closes: false,
            by_clock: false,
            takes_late: false,
            refuses: &[],
            serves: None,
            make: Arc::new(move |_| Ok(Box::new(Union::new(made.clone())))),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("inputs", &self.inputs)
            .field("exchange", &self.exchange)
            .field("stateful", &self.stateful)
            .finish_non_exhaustive()
    }
}
