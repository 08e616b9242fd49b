//! Types as Spark has them: passes over DataFusion's plan before and after it types it.

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{Cast, Expr, ExprSchemable, LogicalPlan, TryCast};

use crate::functions::SparkCast;

/// Whole numbers are ints where they fit; DataFusion reads them as bigints.
pub(crate) fn literals(plan: LogicalPlan) -> Result<LogicalPlan> {
    rewrite(plan, |expr, _| {
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
    rewrite(plan, |expr, plan| {
        let Expr::ScalarFunction(function) = &expr else {
            return Ok(Transformed::no(expr));
        };
        let for_arrays = match function.func.name() {
            "concat" => datafusion_functions_nested::concat::array_concat_udf(),
            "reverse" => datafusion_functions_nested::reverse::array_reverse_udf(),
            _ => return Ok(Transformed::no(expr)),
        };
        let schema = merge_schema(&plan.inputs());
        let array = function
            .args
            .first()
            .is_some_and(|first| matches!(first.get_type(&schema), Ok(DataType::List(_))));
        Ok(match array {
            true => Transformed::yes(for_arrays.call(function.args.clone())),
            false => Transformed::no(expr),
        })
    })
}

/// Casts are Spark's where it casts otherwise than Arrow.
pub(crate) fn casts(plan: LogicalPlan) -> Result<LogicalPlan> {
    rewrite(plan, |expr, plan| {
        let (value, to, attempt) = match &expr {
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

/// Rewrites every expression of every node; columns keep their names.
fn rewrite(
    plan: LogicalPlan,
    mut change: impl FnMut(Expr, &LogicalPlan) -> Result<Transformed<Expr>>,
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
