//! What an aggregate computes, shared by its two steps.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Fields, Schema, SchemaRef};
use azud_model::ColumnType;
use datafusion_common::Result;
use datafusion_physical_expr::aggregate::AggregateFunctionExpr;

use super::accumulators::Accumulators;
use super::group_keys::GroupKeys;
use super::user::UserAggregate;

/// Keys, calls, and the three shapes of rows that an aggregate knows:
///
/// - *input*: the key columns first, then those that calls read;
/// - *state*: the key columns, then the state columns of each call, in order:
///   what partial aggregates emit, final ones keep and checkpoints will hold;
/// - *output*: the key columns, then one column for each call.
#[derive(Debug)]
pub struct Aggregate {
    keys: usize,
    /// Rows move between lanes by the keys from this one on.
    moves_from: usize,
    calls: Vec<AggregateCall>,
    names: Vec<String>,
    /// What a person is told that the first key is, where its name says something else.
    first: Option<&'static str>,
    of: Vec<String>,
    /// The columns of a row that a person is shown.
    shown: Vec<usize>,
    input: Schema,
    state: SchemaRef,
    output: SchemaRef,
}

/// One aggregate function over columns of the input.
#[derive(Clone, Debug)]
pub struct AggregateCall {
    /// The function; its arguments are [`Self::arguments`].
    pub function: Function,
    /// The columns that it reads.
    pub arguments: Vec<usize>,
    /// The boolean column that says which rows count: `FILTER (WHERE ...)`.
    pub filter: Option<usize>,
}

/// An aggregate function.
#[derive(Clone, Debug)]
pub enum Function {
    /// One of DataFusion's.
    BuiltIn(Arc<AggregateFunctionExpr>),
    /// A user's.
    User(Arc<dyn UserAggregate>),
}

// === impl Function ===

impl Function {
    /// The columns of a group's state.
    pub(super) fn state_fields(&self) -> Result<Vec<FieldRef>> {
        match self {
            Self::BuiltIn(function) => function.state_fields(),
            Self::User(function) => Ok(function.state().fields().to_vec()),
        }
    }

    fn result(&self) -> Field {
        match self {
            Self::BuiltIn(function) => function.field().as_ref().clone(),
            Self::User(function) => Field::new("result", function.output().clone(), true),
        }
    }
}

// === impl Aggregate ===

impl Aggregate {
    /// An aggregate over rows of `input`, grouped by its first `keys` columns.
    ///
    /// # Errors
    /// When rows cannot be grouped by the keys' types, or a function has no
    /// state that can be merged.
    pub fn new(input: &Schema, keys: usize, calls: Vec<AggregateCall>) -> Result<Self> {
        let key_fields: Vec<FieldRef> = input.fields().iter().take(keys).cloned().collect();
        let state = state_of(&key_fields, &calls)?;
        let mut output = key_fields;
        for call in &calls {
            output.push(Arc::new(call.function.result().with_nullable(true)));
        }
        let aggregate = Self {
            keys,
            moves_from: 0,
            calls,
            names: Vec::new(),
            first: None,
            of: Vec::new(),
            shown: (0..input.fields().len()).collect(),
            input: input.clone(),
            state,
            output: Arc::new(Schema::new(Fields::from(output))),
        };
        // What cannot be built fails while a query is planned, not later.
        aggregate.group_keys()?;
        aggregate.accumulators(None)?;
        Ok(aggregate)
    }

    /// The same keys, with calls that keep something else of a group.
    pub(super) fn with_calls(&self, calls: Vec<AggregateCall>) -> Result<Self> {
        let keys: Vec<FieldRef> = self
            .state
            .fields()
            .iter()
            .take(self.keys)
            .cloned()
            .collect();
        Ok(Self {
            state: state_of(&keys, &calls)?,
            calls,
            names: self.names.clone(),
            of: self.of.clone(),
            shown: self.shown.clone(),
            input: self.input.clone(),
            output: self.output.clone(),
            ..*self
        })
    }

    /// Names keys and calls by what they compute: `word`, `count(*)`. A state of other
    /// names does not fit.
    #[must_use]
    pub fn named(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// What the query computes before it: a state of other columns does not fit, whatever
    /// their names are.
    #[must_use]
    pub fn of(mut self, columns: Vec<String>) -> Self {
        self.of = columns;
        self
    }

    /// What a person is shown of a row that a user's aggregate cannot add: these columns of
    /// the input.
    #[must_use]
    pub fn showing(mut self, columns: Vec<usize>) -> Self {
        self.shown = columns;
        self
    }

    /// The first key is the start of a session: its name says where that ends.
    #[must_use]
    pub fn by_session(mut self) -> Self {
        self.first = Some("session from");
        self
    }

    /// The aggregate's functions and what they read.
    pub(super) fn calls(&self) -> &[AggregateCall] {
        &self.calls
    }

    /// What a person is told that the key columns are, as far as that is known.
    pub(super) fn key_names(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().take(self.keys).map(String::as_str);
        let known = usize::from(self.first.is_some());
        self.first.into_iter().chain(names.skip(known))
    }

    /// The columns of a row that a person is shown.
    pub(super) fn shown(&self) -> &[usize] {
        &self.shown
    }

    /// Rows move between lanes by all keys but the first: what belongs together differs in it.
    #[must_use]
    pub fn together_over_first(mut self) -> Self {
        self.moves_from = 1;
        self
    }

    /// The key columns by which rows move between lanes.
    pub fn moves_by(&self) -> Range<usize> {
        self.moves_from.min(self.keys)..self.keys
    }

    /// What is computed, in words: `count(*) by word`.
    pub fn computes(&self) -> String {
        let (keys, names) = self
            .names
            .split_at_checked(self.keys)
            .unwrap_or((&[], &self.names));
        let calls = names.iter().zip(&self.calls);
        let calls: Vec<String> = calls
            .map(|(name, call)| name.clone() + &call.keeps())
            .collect();
        let mut computes = match keys.is_empty() {
            true => calls.join(", "),
            false => format!("{} by {}", calls.join(", "), keys.join(", ")),
        };
        if !self.of.is_empty() {
            computes.push_str(" of ");
            computes.push_str(&self.of.join(", "));
        }
        computes
    }

    /// A name for each column of [`Self::state`], for people who read a state.
    pub(super) fn state_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.names.iter().take(self.keys).cloned().collect();
        let calls = self.names.iter().skip(self.keys);
        for (call, name) in self.calls.iter().zip(calls) {
            let states = match &call.function {
                Function::BuiltIn(function) => function.state_fields(),
                Function::User(function) => {
                    let fields = function.state().fields().iter();
                    names.extend(fields.map(|field| format!("{name}.{}", field.name())));
                    continue;
                }
            };
            match states.map_or(0, |states| states.len()) {
                1 => names.push(name.clone()),
                states => names.extend((0..states).map(|state| format!("{name}[{state}]"))),
            }
        }
        names
    }

    /// Whether users' code computes some of it.
    pub fn has_user_calls(&self) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|call| matches!(call.function, Function::User(_)))
    }

    /// How many key columns there are; none: all rows are one group.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// The columns of state rows.
    pub fn state(&self) -> &SchemaRef {
        &self.state
    }

    /// The columns of the result.
    pub fn output(&self) -> &SchemaRef {
        &self.output
    }

    /// What computes it from an epoch on; `None`: from the first one of an attempt on.
    pub(crate) fn accumulators(&self, epoch: Option<u64>) -> Result<Accumulators> {
        Accumulators::new(&self.calls, &self.input, epoch)
    }

    pub(crate) fn group_keys(&self) -> Result<GroupKeys> {
        self.keys_from(0)
    }

    /// For the groups of one pane: by all keys but the first.
    pub(crate) fn inner_keys(&self) -> Result<GroupKeys> {
        self.keys_from(1)
    }

    fn keys_from(&self, first: usize) -> Result<GroupKeys> {
        let fields: Fields = self
            .state
            .fields()
            .iter()
            .take(self.keys)
            .skip(first)
            .cloned()
            .collect();
        GroupKeys::new(&Arc::new(Schema::new(fields)))
    }
}

// === impl AggregateCall ===

impl AggregateCall {
    /// What a user's aggregate keeps, in words: of another version of it, which keeps
    /// something else, a state does not fit.
    fn keeps(&self) -> String {
        let Function::User(function) = &self.function else {
            return String::new();
        };
        let fields = function.state().fields().iter().map(|field| {
            let never_null = match field.is_nullable() {
                true => "",
                false => " not null",
            };
            let name = ColumnType::from_arrow(field.data_type());
            let name = name.map_or_else(|| field.data_type().to_string(), |name| name.to_string());
            format!("{} {name}{never_null}", field.name())
        });
        format!(" keeping {}", fields.collect::<Vec<_>>().join(", "))
    }
}

/// The columns of rows of states: the keys, and then the states of each call.
fn state_of(keys: &[FieldRef], calls: &[AggregateCall]) -> Result<SchemaRef> {
    let mut state = keys.to_vec();
    for (number, call) in calls.iter().enumerate() {
        for (part, field) in call.function.state_fields()?.iter().enumerate() {
            let field = field.as_ref().clone().with_nullable(true);
            state.push(Arc::new(field.with_name(format!("{number}.{part}"))));
        }
    }
    Ok(Arc::new(Schema::new(Fields::from(state))))
}
