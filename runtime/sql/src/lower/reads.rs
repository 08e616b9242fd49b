//! What an aggregate reads: its keys and the arguments of its functions, each computed once.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use azud_operators::{AggregateCall, Function};
use datafusion_common::DFSchema;
use datafusion_expr::expr::{AggregateFunction, NullTreatment};
use datafusion_expr::expr_rewriter::unnormalize_col;
use datafusion_expr::{Cast, Expr, ExprSchemable};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::aggregate::AggregateExprBuilder;
use datafusion_physical_expr::expressions::Literal;

use super::{Lowering, column};
use crate::SqlError;
use crate::functions::{Ordered, UserCall};

/// What the pane of a window is called in a row that was rejected.
const WINDOW_COLUMN: &str = "window";

/// The columns that an aggregate reads, each computed once.
#[derive(Default)]
pub(super) struct Reads {
    pub(super) expressions: Vec<(Expr, Arc<dyn PhysicalExpr>, Field)>,
}

impl Lowering {
    pub(super) fn read_key(
        &self,
        reads: &mut Reads,
        key: &Expr,
        schema: &DFSchema,
    ) -> Result<(), SqlError> {
        let data_type = type_of(key, schema)?;
        if matches!(data_type, DataType::Map(..)) {
            return Err(SqlError::new(format!(
                "rows cannot be grouped by `{key}`: maps have no equality"
            )));
        }
        let physical = self.expression(key, schema)?;
        let name = format!("key {}", reads.expressions.len());
        let field = Field::new(name, data_type, true);
        reads.expressions.push((key.clone(), physical, field));
        Ok(())
    }

    /// The columns of a function's arguments, and that of its filter.
    pub(super) fn read_arguments(
        &self,
        reads: &mut Reads,
        function: &AggregateFunction,
        schema: &DFSchema,
    ) -> Result<(Vec<usize>, Option<usize>), SqlError> {
        let mut arguments = Vec::new();
        for argument in &function.params.args {
            let data_type = type_of(argument, schema)?;
            // See `results`.
            let argument = match (function.func.name(), &data_type) {
                // One digit more, to round by: the division cuts, and Spark rounds.
                ("avg", DataType::Decimal128(precision @ ..=33, scale)) => {
                    let wider = DataType::Decimal128(precision + 1, scale + 1);
                    Expr::Cast(Cast::new(Box::new(argument.clone()), wider))
                }
                ("sum", _) if data_type.is_integer() => Expr::Cast(Cast::new(
                    Box::new(argument.clone()),
                    DataType::Decimal128(20, 0),
                )),
                ("min" | "max", DataType::Float32 | DataType::Float64) => {
                    Ordered::numbers(argument.clone())
                }
                _ => argument.clone(),
            };
            arguments.push(self.read(reads, argument, schema)?);
        }
        let filter = function.params.filter.as_ref();
        let filter = filter
            .map(|filter| self.read(reads, filter.as_ref().clone(), schema))
            .transpose()?;
        Ok((arguments, filter))
    }

    fn read(
        &self,
        reads: &mut Reads,
        expression: Expr,
        schema: &DFSchema,
    ) -> Result<usize, SqlError> {
        let known = reads
            .expressions
            .iter()
            .position(|(read, ..)| *read == expression);
        if let Some(index) = known {
            return Ok(index);
        }
        let index = reads.expressions.len();
        let field = Field::new(format!("read {index}"), type_of(&expression, schema)?, true);
        let physical = self.expression(&expression, schema)?;
        reads.expressions.push((expression, physical, field));
        Ok(index)
    }
}

// === impl Reads ===

impl Reads {
    /// Names columns by what they are, for whoever reads a row that was rejected. The pane of
    /// a window comes first.
    pub(super) fn name(&mut self, of_window: bool) {
        for (number, (expression, _, field)) in self.expressions.iter_mut().enumerate() {
            let words = match of_window && number == 0 {
                true => WINDOW_COLUMN.to_owned(),
                false => name(expression),
            };
            *field = field.clone().with_name(words);
        }
    }

    pub(super) fn schema(&self) -> Schema {
        let fields: Vec<_> = self
            .expressions
            .iter()
            .map(|(.., field)| field.clone())
            .collect();
        Schema::new(fields)
    }

    /// The columns that say something to a person: those of the node, and a window. Where
    /// there are none, all.
    pub(super) fn shown(&self) -> Vec<usize> {
        let is_shown =
            |(expression, _, field): &(Expr, Arc<dyn PhysicalExpr>, Field)| match expression {
                Expr::Column(column) => !column.name.starts_with("__common_expr"),
                _ => field.name() == WINDOW_COLUMN,
            };
        let places = self.expressions.iter().enumerate();
        let shown: Vec<usize> = places
            .filter(|(_, read)| is_shown(read))
            .map(|(place, _)| place)
            .collect();
        match shown.is_empty() {
            true => (0..self.expressions.len()).collect(),
            false => shown,
        }
    }

    pub(super) fn call(
        &self,
        function: &AggregateFunction,
        (arguments, filter): (Vec<usize>, Option<usize>),
        input: &Arc<Schema>,
    ) -> Result<AggregateCall, SqlError> {
        let columns = arguments
            .iter()
            .filter_map(|index| Some((index, self.expressions.get(*index)?)))
            .map(
                |(index, (_, physical, field))| match physical.is::<Literal>() {
                    // Some functions look at constants when they are made.
                    true => physical.clone(),
                    false => column(field.name(), *index),
                },
            )
            .collect();
        if let Some(user) = UserCall::of(&function.func) {
            let types = arguments.iter().filter_map(|index| {
                let field = input.fields().get(*index)?;
                Some(field.data_type().clone())
            });
            let opened = user.open(&types.collect::<Vec<_>>());
            return Ok(AggregateCall {
                function: Function::User(
                    opened.map_err(|refusal| SqlError::from_refusal(&refusal))?,
                ),
                arguments,
                filter,
            });
        }
        let ignore_nulls = function.params.null_treatment == Some(NullTreatment::IgnoreNulls);
        let function = AggregateExprBuilder::new(function.func.clone(), columns)
            .schema(input.clone())
            .alias(function.func.name())
            .with_ignore_nulls(ignore_nulls)
            .build()
            .map_err(|error| SqlError::from_datafusion(&error))?;
        Ok(AggregateCall {
            function: Function::BuiltIn(Arc::new(function)),
            arguments,
            filter,
        })
    }
}

fn type_of(expression: &Expr, schema: &DFSchema) -> Result<DataType, SqlError> {
    expression
        .get_type(schema)
        .map_err(|error| SqlError::from_datafusion(&error))
}

/// What is computed, in the words of the query: `count(*)`.
pub(super) fn name(expression: &Expr) -> String {
    let name = unnormalize_col(bare(expression)).to_string();
    // What `count(*)` is planned as.
    name.replace("count(Int32(1))", "count(*)")
        .replace("count(Int64(1))", "count(*)")
}

/// Without the name that the query gives it, which changes nothing of what is computed.
fn bare(expression: &Expr) -> Expr {
    match expression {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other.clone(),
    }
}
