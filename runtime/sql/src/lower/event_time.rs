//! Which columns hold event time: those that the watermark speaks of.

use datafusion_common::Column;
use datafusion_expr::{Expr, LogicalPlan};

use crate::catalog::Node;
use crate::expand;
use crate::functions::{session_call, window_call};

/// Whether an expression over the rows of `plan` is event time as some source gives it, or a
/// window of it: a time that is computed otherwise may be behind the watermark.
pub(super) fn is_event_time(expression: &Expr, plan: &LogicalPlan) -> bool {
    let time = window_call(expression).map(|(time, _)| time);
    if let Some(time) = time.or(session_call(expression).map(|(time, _)| time)) {
        return is_event_time(time, plan);
    }
    match expression {
        Expr::Alias(alias) => is_event_time(&alias.expr, plan),
        Expr::Column(column) => column_is(column, plan),
        Expr::ScalarFunction(call) => match (call.func.name(), call.args.as_slice()) {
            ("window_time", [of]) => is_event_time(of, plan),
            _ => false,
        },
        _ => false,
    }
}

/// Whether an expression over the rows of `plan` is the clock.
pub(super) fn is_clock(expression: &Expr, plan: &LogicalPlan) -> bool {
    match expression {
        Expr::Alias(alias) => is_clock(&alias.expr, plan),
        Expr::ScalarFunction(call) => {
            ["current_timestamp", "now"].contains(&call.func.name()) && call.args.is_empty()
        }
        Expr::Column(column) => {
            let index = plan.schema().index_of_column(column);
            index.is_ok_and(|index| index_is_clock(index, plan))
        }
        _ => false,
    }
}

fn index_is_clock(index: usize, plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let of = projection.expr.get(index);
            of.is_some_and(|of| is_clock(of, &projection.input))
        }
        LogicalPlan::Filter(filter) => index_is_clock(index, &filter.input),
        LogicalPlan::SubqueryAlias(alias) => index_is_clock(index, &alias.input),
        _ => false,
    }
}

fn column_is(column: &Column, plan: &LogicalPlan) -> bool {
    let index = plan.schema().index_of_column(column);
    index.is_ok_and(|index| index_is(index, plan))
}

/// Whether the column of that number of a plan's rows is event time.
pub(super) fn index_is(index: usize, plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let of = projection.expr.get(index);
            of.is_some_and(|of| is_event_time(of, &projection.input))
        }
        LogicalPlan::Filter(filter) => index_is(index, &filter.input),
        LogicalPlan::SubqueryAlias(alias) => index_is(index, &alias.input),
        LogicalPlan::Sort(sort) => index_is(index, &sort.input),
        LogicalPlan::Limit(limit) => index_is(index, &limit.input),
        LogicalPlan::TableScan(scan) => {
            let node = scan.source.downcast_ref::<Node>();
            let name = scan.projected_schema.fields().get(index);
            let name = name.map(|field| field.name());
            node.zip(name)
                .is_some_and(|(node, name)| node.times.contains(name))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let key = aggregate.group_expr.get(index);
            key.is_some_and(|key| is_event_time(key, &aggregate.input))
        }
        LogicalPlan::Extension(extension) => {
            if let Some(node) = expand::of_extension(extension) {
                return match index < node.input.schema().fields().len() {
                    true => index_is(index, &node.input),
                    false => is_event_time(&node.time, &node.input),
                };
            }
            let node = crate::deduplicate::of_extension(extension);
            node.is_some_and(|node| index_is(index, &node.input))
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match index.checked_sub(left) {
                None => index_is(index, &join.left),
                Some(index) => index_is(index, &join.right),
            }
        }
        LogicalPlan::Union(union) => union.inputs.iter().all(|input| index_is(index, input)),
        LogicalPlan::Unnest(unnest) => {
            let of = unnest.dependency_indices.get(index);
            let of = of.filter(|of| !unnest.list_type_columns.iter().any(|(list, _)| list == *of));
            of.is_some_and(|of| index_is(*of, &unnest.input))
        }
        _ => false,
    }
}

/// The longest delay of the tables that a plan reads: microseconds.
pub(super) fn delay_of(plan: &LogicalPlan) -> i64 {
    let own = match plan {
        LogicalPlan::TableScan(scan) => scan.source.downcast_ref::<Node>(),
        _ => None,
    };
    let below = plan.inputs().into_iter().map(delay_of);
    below.chain(own.map(|node| node.delay)).max().unwrap_or(0)
}

/// The windows that a key of an aggregate stands for, and what their time is, over the rows of
/// `plan`; a subquery may have computed them.
pub(super) fn window_of(key: &Expr, plan: &LogicalPlan) -> Option<(Expr, azud_operators::Windows)> {
    if let Some((time, windows)) = window_call(key) {
        return Some((time.clone(), windows));
    }
    match key {
        Expr::Alias(alias) => window_of(&alias.expr, plan),
        Expr::Column(column) => {
            let index = plan.schema().index_of_column(column).ok()?;
            let windows = computed_window(index, plan)?;
            Some((key.clone(), windows))
        }
        _ => None,
    }
}

/// The windows that a column of subqueries holds: of tumbling ones a window names its own pane.
fn computed_window(index: usize, plan: &LogicalPlan) -> Option<azud_operators::Windows> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let (of, windows) = match projection.expr.get(index)? {
                Expr::Alias(alias) => (alias.expr.as_ref(), window_call(&alias.expr)),
                other => (other, window_call(other)),
            };
            match (windows, of) {
                (Some((_, windows)), _) => Some(windows),
                (None, Expr::Column(column)) => {
                    let index = projection.input.schema().index_of_column(column).ok()?;
                    computed_window(index, &projection.input)
                }
                _ => None,
            }
        }
        LogicalPlan::Filter(filter) => computed_window(index, &filter.input),
        LogicalPlan::Extension(extension) => {
            if let Some(node) = expand::of_extension(extension) {
                return match index < node.input.schema().fields().len() {
                    true => computed_window(index, &node.input),
                    false => Some(node.windows.by_start()),
                };
            }
            let node = crate::deduplicate::of_extension(extension)?;
            computed_window(index, &node.input)
        }
        LogicalPlan::SubqueryAlias(alias) => computed_window(index, &alias.input),
        LogicalPlan::Sort(sort) => computed_window(index, &sort.input),
        LogicalPlan::Limit(limit) => computed_window(index, &limit.input),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match index.checked_sub(left) {
                None => computed_window(index, &join.left),
                Some(index) => computed_window(index, &join.right),
            }
        }
        LogicalPlan::Aggregate(aggregate) => {
            let (_, windows) = window_of(aggregate.group_expr.get(index)?, &aggregate.input)?;
            Some(windows.by_start())
        }
        _ => None,
    }
}
