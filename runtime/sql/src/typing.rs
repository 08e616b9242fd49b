//! Types as Spark has them: passes over DataFusion's plan before and after it types it.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{Case, Cast, Expr, ExprSchemable, LogicalPlan, ScalarUDF, TryCast, lit};

use crate::functions::{Arithmetic, Operation, SparkCast, Strict, session_call, window_call};

/// Whole numbers are ints where they fit; DataFusion reads them as bigints.
pub(crate) fn literals(plan: LogicalPlan) -> Result<LogicalPlan> {
    rewrite(plan, &mut |expr, _| {
        Ok(match expr {
            // What `syntax::spelling` casts: a constant again.
            Expr::Cast(cast) if *cast.field.data_type() == DataType::Int32 => match *cast.expr {
                literal @ Expr::Literal(ScalarValue::Int32(_), _) => Transformed::yes(literal),
                other => Transformed::no(Expr::Cast(Cast::new_from_field(
                    Box::new(other),
                    cast.field,
                ))),
            },
            Expr::Literal(ScalarValue::Int64(Some(value)), metadata) => {
                match i32::try_from(value) {
                    Ok(small) => {
                        Transformed::yes(Expr::Literal(ScalarValue::Int32(Some(small)), metadata))
                    }
                    Err(_) => {
                        Transformed::no(Expr::Literal(ScalarValue::Int64(Some(value)), metadata))
                    }
                }
            }
            other => Transformed::no(other),
        })
    })
}

/// Functions that Spark has for arrays and for text under one name.
pub(crate) fn overloads(plan: LogicalPlan) -> Result<LogicalPlan> {
    rewrite(plan, &mut |expr, plan| {
        let Expr::ScalarFunction(function) = &expr else {
            return Ok(Transformed::no(expr));
        };
        let name = function.func.name();
        if !matches!(name, "concat" | "reverse" | "array_to_string") {
            return Ok(Transformed::no(expr));
        }
        let schema = merge_schema(&plan.inputs());
        let first = function.args.first().map(|first| first.get_type(&schema));
        let Some(Ok(DataType::List(item))) = first else {
            return Ok(Transformed::no(expr));
        };
        let for_arrays = match name {
            "concat" => {
                let concat = datafusion_functions_nested::concat::array_concat_udf();
                Arc::new(ScalarUDF::from(Strict::new(&concat, usize::MAX)))
            }
            "reverse" => datafusion_functions_nested::reverse::array_reverse_udf(),
            // It writes doubles and times otherwise than a cast to text.
            _ if item.data_type().is_floating() || item.data_type().is_temporal() => {
                return plan_err!("array_join takes an array of text");
            }
            _ => return Ok(Transformed::no(expr)),
        };
        Ok(Transformed::yes(for_arrays.call(function.args.clone())))
    })
}

/// Casts are Spark's where it casts otherwise than Arrow, and so is the minus
/// of a whole number, which does not fit if that is the lowest.
pub(crate) fn casts(plan: LogicalPlan) -> Result<LogicalPlan> {
    rewrite(plan, &mut |expr, plan| {
        let (value, to, attempt) = match &expr {
            Expr::Negative(value) => {
                let data_type = value.get_type(&merge_schema(&plan.inputs()))?;
                if !data_type.is_integer() {
                    return Ok(Transformed::no(expr));
                }
                let zero = lit(ScalarValue::new_zero(&data_type)?);
                let value = value.as_ref().clone();
                let call = Arithmetic::call(Operation::Subtract, zero, value);
                return Ok(Transformed::yes(call));
            }
            Expr::Cast(Cast { expr, field }) => (expr, field.data_type().clone(), false),
            Expr::TryCast(TryCast { expr, field }) => (expr, field.data_type().clone(), true),
            _ => return Ok(Transformed::no(expr)),
        };
        let from = value.get_type(&merge_schema(&plan.inputs()))?;
        // An attempt that cannot fail as Arrow understands it may fail as Spark does.
        if from == to || !SparkCast::differs(&from, &to) {
            return Ok(Transformed::no(expr));
        }
        let value = value.as_ref().clone();
        Ok(Transformed::yes(SparkCast::call(value, to, attempt)))
    })
}

/// What an aggregate would read of rows that its filter leaves out is not
/// computed: it could fail there.
pub(crate) fn filters(plan: LogicalPlan) -> Result<LogicalPlan> {
    rewrite(plan, &mut |expr, _| {
        let Expr::AggregateFunction(mut function) = expr else {
            return Ok(Transformed::no(expr));
        };
        let Some(filter) = function.params.filter.clone() else {
            return Ok(Transformed::no(Expr::AggregateFunction(function)));
        };
        for argument in &mut function.params.args {
            if !matches!(argument, Expr::Literal(..) | Expr::Column(_)) {
                let read = Box::new(argument.clone());
                *argument = Expr::Case(Case::new(None, vec![(filter.clone(), read)], None));
            }
        }
        Ok(Transformed::yes(Expr::AggregateFunction(function)))
    })
}

/// Rewrites every expression of every node; columns keep their names.
fn rewrite(
    plan: LogicalPlan,
    // Not generic: the walk over a plan is large, and would be compiled for each pass.
    change: &mut dyn FnMut(Expr, &LogicalPlan) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    let plan = plan.transform_up(|plan| {
        let names = NamePreserver::new(&plan);
        let before = plan.clone();
        let changed = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|expr| change(expr, &before))?;
            Ok(changed.update_data(|expr| name.restore(expr)))
        })?;
        // Types below may have changed even where the expressions did not.
        Ok(Transformed::yes(changed.data.recompute_schema()?))
    })?;
    Ok(plan.data)
}

/// The layout in which nodes pass values of a type on; `None` if they cannot.
pub(crate) fn plain(data_type: &DataType) -> Option<DataType> {
    match data_type {
        // Counts of DataFusion's own; they stay far below the sign.
        DataType::UInt64 => Some(DataType::Int64),
        // A column of nothing but nulls.
        DataType::Null => Some(DataType::Utf8),
        other => azud_model::ColumnType::from_arrow(other).map(|name| name.to_arrow()),
    }
}

/// Of all windows that a plan computes, whether a row's own is known of the row alone.
pub(crate) fn windows(plan: &LogicalPlan) -> Result<Vec<bool>> {
    let mut found = Vec::new();
    plan.apply(|plan| {
        plan.apply_expressions(|expression| {
            expression.apply(|expression| {
                found.extend(window_call(expression).map(|(_, windows)| windows.is_tumbling()));
                found.extend(session_call(expression).map(|_| false));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}
