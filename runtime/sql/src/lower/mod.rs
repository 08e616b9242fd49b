//! From DataFusion's logical plan to streaming steps.

mod aggregate;
mod bounds;
mod deduplicate;
mod event_time;
mod join;
mod late;
mod order;
mod reads;
mod static_join;
mod stream;
mod window;

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use azud_operators::{ExpandWindows, Filter, Project, Stage, Unnest, UnnestColumn};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DFSchema, NullHandling};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore, logical_plan};
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};

use crate::catalog::Node;
use crate::expand::Expand;
use crate::functions::WindowFunction;
use crate::{Input, Late, Query, SqlError, Step, typing};
use stream::Stream;

/// Makes the steps of a plan; its columns get `names`.
pub(crate) fn lower(
    plan: &LogicalPlan,
    names: &[String],
    options: Arc<ConfigOptions>,
) -> Result<Query, SqlError> {
    let mut lowering = Lowering::new(options);
    let stream = lowering.stream(plan)?;
    let schema = output_schema(&stream.schema, names)?;
    let stream = stream.conform(&schema);
    let output = lowering.step(stream, true);
    Ok(Query {
        steps: lowering.steps,
        output,
        schema,
        times: window::times(plan, names),
        late: lowering.late,
    })
}

/// The steps so far, and what expressions are made with.
struct Lowering {
    steps: Vec<Step>,
    late: Vec<Late>,
    /// Steps that take late rows out for one that is not there yet.
    unserved: Vec<usize>,
    /// Whether what is read now is a table, beside the stream that it is joined with.
    reads_table: bool,
    props: ExecutionProps,
    context: PhysicalPlanningContext,
}

// === impl Lowering ===

impl Lowering {
    fn new(options: Arc<ConfigOptions>) -> Self {
        let mut props = ExecutionProps::new();
        props.config_options = Some(options);
        Self {
            steps: Vec::new(),
            late: Vec::new(),
            unserved: Vec::new(),
            reads_table: false,
            props,
            context: PhysicalPlanningContext::default(),
        }
    }

    /// The rows of a plan node.
    fn stream(&mut self, plan: &LogicalPlan) -> Result<Stream, SqlError> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.stream(&alias.input),
            LogicalPlan::Projection(projection) => {
                let stream = self.stream(&projection.input)?;
                let schema = nullable(&projection.schema);
                let expressions = self.expressions(&projection.expr, projection.input.schema())?;
                Ok(stream.then("project", Project::new(expressions, schema.clone()), schema))
            }
            LogicalPlan::Filter(filter) => {
                let stream = self.stream(&filter.input)?;
                let condition = self.expression(&filter.predicate, filter.input.schema())?;
                let schema = stream.schema.clone();
                Ok(stream.then("filter", Filter::new(condition), schema))
            }
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Extension(extension) => {
                match (
                    crate::deduplicate::of_extension(extension),
                    crate::expand::of_extension(extension),
                ) {
                    (Some(node), _) => self.deduplicate(node),
                    (_, Some(node)) => self.expand(node),
                    _ => Err(SqlError::new("a node of the plan has no operator")),
                }
            }
            other => {
                let text = other.display().to_string();
                let name = text.split([':', ' ']).next().unwrap_or_default();
                Err(SqlError::new(format!("{name} cannot stream")))
            }
        }
    }

    fn scan(&mut self, scan: &logical_plan::TableScan) -> Result<Stream, SqlError> {
        let node = scan
            .source
            .downcast_ref::<Node>()
            .ok_or_else(|| SqlError::new(format!("`{}` is no node", scan.table_name)))?;
        if node.rows.is_some() && !self.reads_table {
            return Err(static_join::refuse_alone(&node.name));
        }
        let stream = Stream::new(
            Input::Table(node.name.clone()),
            nullable_arrow(&scan.source.schema()),
        );
        let Some(columns) = &scan.projection else {
            return Ok(stream);
        };
        let schema = nullable(&scan.projected_schema);
        let expressions = columns
            .iter()
            .zip(schema.fields())
            .map(|(index, field)| column(field.name(), *index))
            .collect();
        Ok(stream.then("project", Project::new(expressions, schema.clone()), schema))
    }

    fn unnest(&mut self, unnest: &logical_plan::Unnest) -> Result<Stream, SqlError> {
        let stream = self.stream(&unnest.input)?;
        let nested = unnest
            .list_type_columns
            .iter()
            .any(|(_, list)| list.depth != 1);
        if nested || !unnest.struct_type_columns.is_empty() {
            return Err(SqlError::new("explode takes an array")
                .help("of a map, explode map_entries(a_map)"));
        }
        let columns = unnest
            .dependency_indices
            .iter()
            .map(|index| {
                match unnest
                    .list_type_columns
                    .iter()
                    .any(|(list, _)| list == index)
                {
                    true => UnnestColumn::Elements(*index),
                    false => UnnestColumn::Repeat(*index),
                }
            })
            .collect();
        let outer = unnest.options.null_handling != NullHandling::Drop;
        let schema = nullable(&unnest.schema);
        Ok(stream.then(
            "explode",
            Unnest::new(columns, outer, schema.clone()),
            schema,
        ))
    }

    fn expand(&mut self, node: &Expand) -> Result<Stream, SqlError> {
        let stream = self.stream(&node.input)?;
        let time = WindowFunction::time(node.time.clone());
        let time = self.expression(&time, node.input.schema())?;
        let schema = nullable(UserDefinedLogicalNodeCore::schema(node));
        let expand = ExpandWindows::new(time, node.windows, schema.clone());
        Ok(stream.then("expand", expand, schema))
    }

    fn union(&mut self, union: &logical_plan::Union) -> Result<Stream, SqlError> {
        let schema = nullable(&union.schema);
        let mut inputs = Vec::new();
        for input in &union.inputs {
            let stream = self.stream(input)?.conform(&schema);
            inputs.push(self.input(stream, true));
        }
        let first = inputs.first().cloned();
        let first = first.ok_or_else(|| SqlError::new("a union of nothing"))?;
        self.steps.push(Step {
            inputs,
            ..Step::stateless("union", first, schema.clone())
        });
        Ok(Stream::new(Input::Step(self.steps.len() - 1), schema))
    }

    /// The stream as something that other steps can read.
    fn input(&mut self, stream: Stream, keep_origin: bool) -> Input {
        match stream.is_bare() {
            true => stream.input,
            false => Input::Step(self.step(stream, keep_origin)),
        }
    }

    fn step(&mut self, stream: Stream, keep_origin: bool) -> usize {
        if let (true, Input::Step(step)) = (stream.is_bare(), &stream.input) {
            return *step;
        }
        self.steps.push(stream.into_step(keep_origin));
        self.steps.len() - 1
    }

    /// Steps that took late rows out did it for the last one.
    fn serve(&mut self, steps: Vec<usize>) {
        let last = self.steps.len().checked_sub(1);
        for step in steps {
            if let Some(step) = self.steps.get_mut(step) {
                step.serves = last;
            }
        }
    }

    fn expressions(
        &self,
        expressions: &[Expr],
        schema: &DFSchema,
    ) -> Result<Vec<Arc<dyn PhysicalExpr>>, SqlError> {
        expressions
            .iter()
            .map(|expression| self.expression(expression, schema))
            .collect()
    }

    fn expression(
        &self,
        expression: &Expr,
        schema: &DFSchema,
    ) -> Result<Arc<dyn PhysicalExpr>, SqlError> {
        create_physical_expr(expression, schema, &self.props, &self.context)
            .map_err(|error| SqlError::from_datafusion(&error))
    }
}

fn column(name: &str, index: usize) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(name, index))
}

fn stage(stage: impl Stage + 'static) -> Arc<dyn Stage> {
    Arc::new(stage)
}

/// Every column of a stream can hold nulls.
fn nullable(schema: &DFSchema) -> SchemaRef {
    nullable_arrow(schema.as_arrow())
}

fn nullable_arrow(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields: Vec<_> = fields
        .map(|field| Field::new(field.name(), field.data_type().clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

fn output_schema(schema: &Schema, names: &[String]) -> Result<SchemaRef, SqlError> {
    if schema.fields().len() != names.len() {
        return Err(SqlError::new(format!(
            "the query has {} columns but {} names",
            schema.fields().len(),
            names.len()
        )));
    }
    let fields = schema.fields().iter().zip(names).map(|(field, name)| {
        let data_type = typing::plain(field.data_type()).ok_or_else(|| {
            SqlError::new(format!(
                "the column `{name}` is of type {}, which nodes cannot pass on",
                field.data_type()
            ))
            .help("cast it, to string if to nothing else")
        })?;
        Ok(Field::new(name, data_type, true))
    });
    Ok(Arc::new(Schema::new(
        fields.collect::<Result<Vec<_>, SqlError>>()?,
    )))
}
