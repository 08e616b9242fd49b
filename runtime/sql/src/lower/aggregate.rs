//! An aggregate as three steps: what it reads, its partial half, its final half.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use azud_operators::{Aggregate, FinalAggregate, PartialAggregate, Project};
use datafusion_common::DFSchema;
use datafusion_common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::expr_rewriter::unnormalize_col;
use datafusion_expr::{Expr, LogicalPlan, ScalarUDF, logical_plan};
use datafusion_functions_aggregate::min_max::max_udaf;

use super::reads::{Reads, name};
use super::stream::Stream;
use super::window::{Window, window_of_rows};
use super::{Lowering, column, nullable};
use crate::functions::{Narrow, Ordered, UserCall, WindowFunction};
use crate::{Input, SqlError, Step};

impl Lowering {
    pub(super) fn aggregate(
        &mut self,
        aggregate: &logical_plan::Aggregate,
    ) -> Result<Stream, SqlError> {
        // A key that is written twice is one, as in the plan's own schema.
        let mut keys: Vec<Expr> = Vec::new();
        for key in &aggregate.group_expr {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        let (input, calls) = (aggregate.input.clone(), aggregate.aggr_expr.clone());
        let distinct = logical_plan::Aggregate::try_new(input, keys, calls)
            .map_err(|error| SqlError::from_datafusion(&error))?;
        let aggregate = match distinct.group_expr.len() == aggregate.group_expr.len() {
            true => aggregate,
            false => &distinct,
        };
        let window = Window::find(aggregate);
        let has_window = |window: &Window| !window.is_moment || window.is_last();
        if !window.as_ref().is_some_and(has_window)
            && let Some(of) = window_of_rows(aggregate)
        {
            return self.by_last(aggregate, WindowFunction::last(of.clone()));
        }
        let schema = aggregate.input.schema();
        let mut reads = Reads::default();
        for (number, key) in keys_in_order(aggregate, window.as_ref()) {
            if matches!(key, Expr::GroupingSet(_)) {
                return Err(SqlError::new(
                    "GROUPING SETS, CUBE and ROLLUP cannot stream",
                ));
            }
            match window.as_ref().filter(|window| window.key == number) {
                Some(window) => self.read_key(&mut reads, &window.pane(), schema)?,
                None => self.read_key(&mut reads, key, schema)?,
            }
        }
        let keys = aggregate.group_expr.len();
        // How far a session reaches is computed as if the query had asked for it.
        let end = window
            .as_ref()
            .and_then(|window| window.session_end.clone());
        let reach = end.map(|end| max_udaf().call(vec![end]));
        let calls: Vec<&Expr> = reach.iter().chain(&aggregate.aggr_expr).collect();
        let functions = calls.iter().map(|call| function(call));
        let functions = functions.collect::<Result<Vec<_>, _>>()?;
        let mut places = Vec::new();
        for function in &functions {
            places.push(self.read_arguments(&mut reads, function, schema)?);
        }
        let end = reach
            .as_ref()
            .and(places.first())
            .and_then(|(places, _)| places.first().copied());
        if functions
            .iter()
            .any(|call| UserCall::of(&call.func).is_some())
        {
            reads.name(window.as_ref().is_some_and(|window| !window.is_last()));
        }
        let input = Arc::new(reads.schema());
        let made = functions
            .iter()
            .zip(places)
            .map(|(function, places)| reads.call(function, places, &input))
            .collect::<Result<Vec<_>, _>>()?;
        let names = keys_in_order(aggregate, window.as_ref()).map(|(number, key)| {
            let own = window.as_ref().filter(|window| window.key == number);
            own.map_or_else(|| name(key), Window::name)
        });
        let names = names.chain(calls.iter().map(|call| name(call)));
        let made = Aggregate::new(&input, keys, made)
            .map_err(|error| SqlError::from_datafusion(&error))?
            .named(names.collect())
            .showing(reads.shown())
            .of(computed(&aggregate.input)?);
        let mut stream = self.stream(&aggregate.input)?;
        if let Some(window) = window
            .as_ref()
            .filter(|window| window.closes && !window.by_clock)
        {
            stream = self.late(stream, window, aggregate)?;
        }
        let expressions = reads
            .expressions
            .into_iter()
            .map(|(_, physical, _)| physical);
        let project = Project::new(expressions.collect(), input.clone());
        let stream = stream.then("project", project, input);
        let stream = match &window {
            // The panes of a key make its windows together.
            Some(window) if window.is_together() => {
                let made = made.together_over_first();
                match end {
                    Some(end) => {
                        self.session_halves(stream, Arc::new(made.by_session()), window, end)
                    }
                    None => self.window_halves(stream, Arc::new(made), window),
                }
            }
            Some(window) => self.window_halves(stream, Arc::new(made), window),
            None => self.halves(stream, Arc::new(made)),
        };
        self.results(stream, aggregate, &functions, window.as_ref())
    }

    /// The same with one key more before the others, by which its windows are closed.
    fn by_last(
        &mut self,
        aggregate: &logical_plan::Aggregate,
        last: Expr,
    ) -> Result<Stream, SqlError> {
        let keys = [last].into_iter().chain(aggregate.group_expr.clone());
        let (input, calls) = (aggregate.input.clone(), aggregate.aggr_expr.clone());
        let closing = logical_plan::Aggregate::try_new(input, keys.collect(), calls)
            .map_err(|error| SqlError::from_datafusion(&error))?;
        let stream = self.aggregate(&closing)?;
        let schema = nullable(&aggregate.schema);
        let columns = stream.schema.fields().iter().enumerate().skip(1);
        let columns = columns.map(|(index, field)| column(field.name(), index));
        let project = Project::new(columns.collect(), schema.clone());
        Ok(stream.then("project", project, schema))
    }

    fn halves(&mut self, stream: Stream, aggregate: Arc<Aggregate>) -> Stream {
        // A plugin may reject rows, which are told with where they come from.
        let input = self.input(stream, aggregate.has_user_calls());
        let partial = aggregate.clone();
        self.steps.push(Step {
            make: Arc::new(move |_| Ok(Box::new(PartialAggregate::new(partial.clone())?))),
            ..Step::stateless("partial aggregate", input, aggregate.state().clone())
        });
        let keys = (0..aggregate.keys()).collect();
        let schema = aggregate.output().clone();
        self.steps.push(Step {
            exchange: Some(keys),
            stateful: true,
            make: Arc::new(move |context| {
                Ok(Box::new(FinalAggregate::new(
                    aggregate.clone(),
                    context.modes.clone(),
                    context.state_per_batch,
                )?))
            }),
            ..Step::stateless(
                "final aggregate",
                Input::Step(self.steps.len() - 1),
                schema.clone(),
            )
        });
        Stream::new(Input::Step(self.steps.len() - 1), schema)
    }

    /// The values that were asked for, from those that were computed.
    ///
    /// Sums of integers are computed in decimals, so that a sum that does not
    /// fit is found out whatever the order of the rows; the least and greatest
    /// of floats as numbers, so that a NaN is the greatest wherever it stands.
    fn results(
        &self,
        stream: Stream,
        aggregate: &logical_plan::Aggregate,
        functions: &[&AggregateFunction],
        window: Option<&Window>,
    ) -> Result<Stream, SqlError> {
        let keys = aggregate.group_expr.len();
        let input = DFSchema::try_from(unique(&stream.schema))
            .map_err(|error| SqlError::from_datafusion(&error))?;
        let output = nullable(&aggregate.schema);
        let narrow = Arc::new(ScalarUDF::from(Narrow::new()));
        let mut expressions = Vec::new();
        // The window comes first there, and where the query has it here.
        let mut order: Vec<usize> = (0..input.fields().len()).collect();
        let session = window.filter(|window| window.session_end.is_some());
        if let Some(window) = window {
            if session.is_some() {
                order.remove(keys);
            }
            order.remove(0);
            order.insert(window.key, 0);
        }
        for (place, index) in order.into_iter().enumerate() {
            let field = input.field(index);
            let function = index.checked_sub(keys).and_then(|call| functions.get(call));
            let wanted = output.fields().get(place).map(|field| field.data_type());
            let value = || Expr::Column(datafusion_common::Column::from_name(field.name()));
            let is_window = |window: &&Window| window.key == place && !window.is_moment;
            if let Some(window) = window.filter(is_window) {
                let window = match session {
                    Some(_) => {
                        let end = input.field(keys).name();
                        let end = Expr::Column(datafusion_common::Column::from_name(end));
                        WindowFunction::between(value(), end)
                    }
                    None => WindowFunction::from(window.windows, value()),
                };
                expressions.push(self.expression(&window, &input)?);
                continue;
            }
            expressions.push(
                match (function.map(|function| function.func.name()), wanted) {
                    (Some("sum"), Some(DataType::Int64)) => {
                        self.expression(&narrow.call(vec![value()]), &input)?
                    }
                    (Some("min" | "max"), Some(DataType::Float32 | DataType::Float64)) => {
                        self.expression(&Ordered::floats(value()), &input)?
                    }
                    _ => column(field.name(), index),
                },
            );
        }
        Ok(stream.then("project", Project::new(expressions, output.clone()), output))
    }
}

/// The keys with their places in the query; a window comes first.
fn keys_in_order<'a>(
    aggregate: &'a logical_plan::Aggregate,
    window: Option<&Window>,
) -> impl Iterator<Item = (usize, &'a Expr)> {
    let first = window.map(|window| window.key);
    let keys = || aggregate.group_expr.iter().enumerate();
    let window = keys().filter(move |(number, _)| Some(*number) == first);
    window.chain(keys().filter(move |(number, _)| Some(*number) != first))
}

/// What the subqueries below compute, in their words: columns that they only pass on, and
/// rows that they leave out, change nothing of what a state means.
pub(super) fn computed(plan: &LogicalPlan) -> Result<Vec<String>, SqlError> {
    let mut found = Vec::new();
    let walked = plan.apply(|plan| {
        if let LogicalPlan::Projection(projection) = plan {
            let computed = projection.expr.iter();
            let computed = computed.filter(|one| !matches!(one, Expr::Column(_)));
            found.extend(computed.map(|one| unnormalize_col(one.clone()).to_string()));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(|error| SqlError::from_datafusion(&error))?;
    Ok(found)
}

fn function(expression: &Expr) -> Result<&AggregateFunction, SqlError> {
    match expression {
        Expr::Alias(alias) => function(&alias.expr),
        Expr::AggregateFunction(function) => Ok(function),
        other => Err(SqlError::new(format!("`{other}` is no aggregate"))),
    }
}

/// Columns with names of their own: two calls of one function share theirs.
fn unique(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().enumerate();
    let fields: Vec<_> = fields
        .map(|(index, field)| field.as_ref().clone().with_name(format!("column {index}")))
        .collect();
    Schema::new(fields)
}
