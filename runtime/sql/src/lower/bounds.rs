//! How long a row of a join can wait for another: what the conditions say of both sides' times.
//!
//! The rule is Spark's (`StreamingJoinHelper.getStateValueWatermark`): a bound on the other
//! side's event time says when the watermark has passed all rows that could still match.

use datafusion_common::{Column, DFSchema, NullEquality, ScalarValue};
use datafusion_expr::utils::split_conjunction;
use datafusion_expr::{BinaryExpr, Expr, LogicalPlan, Operator, logical_plan};

use super::event_time::is_event_time;
use crate::functions::{WindowFunction, is_window_type};

/// Spark's watermarks are milliseconds: a row that may match one at the very bound is kept so much
/// longer, and given alone as much later.
const SLACK: i64 = 1000;

/// When rows of one side can match no more: once the watermark is `reach` beyond `time`.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    /// A timestamp of the side.
    pub(super) time: Expr,
    /// Microseconds.
    pub(super) reach: i64,
}

/// A bound of the left side's rows and of the right side's, where there is one.
pub(super) fn of(join: &logical_plan::Join) -> [Option<Bound>; 2] {
    let mut bounds = [None, None];
    for (left, right) in &join.on {
        for (side, bound) in of_key(left, right, join) {
            tighten(&mut bounds, side, bound);
        }
    }
    let conditions = join.filter.iter().flat_map(split_conjunction);
    for condition in conditions {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else {
            continue;
        };
        for (side, bound) in of_condition(left, *op, right, SLACK, join) {
            tighten(&mut bounds, side, bound);
        }
    }
    bounds
}

/// Of keys that are equal times, or windows.
fn of_key(left: &Expr, right: &Expr, join: &logical_plan::Join) -> Vec<(usize, Bound)> {
    // A row without a time waits for another without one.
    if join.null_equality == NullEquality::NullEqualsNull {
        return Vec::new();
    }
    if !is_window(left, join.left.schema()) {
        return of_condition(left, Operator::Eq, right, 0, join);
    }
    // A window has ended one microsecond after its last moment.
    let bound = |key: &Expr| Bound {
        time: WindowFunction::time(key.clone()),
        reach: 1,
    };
    let of_left = is_event_time(right, &join.right).then(|| (0, bound(left)));
    let of_right = is_event_time(left, &join.left).then(|| (1, bound(right)));
    of_left.into_iter().chain(of_right).collect()
}

/// Of two bounds by one time the smaller one counts; of bounds by several, the first.
fn tighten(bounds: &mut [Option<Bound>; 2], side: usize, new: Bound) {
    match bounds.get_mut(side) {
        Some(slot @ None) => *slot = Some(new),
        Some(Some(old)) if old.time == new.time => old.reach = old.reach.min(new.reach),
        _ => {}
    }
}

/// `l + a < r + b` and the like, where `l` is a time of the left side and `r` one of the right.
fn of_condition(
    left: &Expr,
    op: Operator,
    right: &Expr,
    slack: i64,
    join: &logical_plan::Join,
) -> Vec<(usize, Bound)> {
    let (Some((one, a)), Some((two, b))) = (moved(left), moved(right)) else {
        return Vec::new();
    };
    let is_of = |column: &Column, plan: &LogicalPlan| plan.schema().has_column(column);
    let swapped = match (
        is_of(one, &join.left) && is_of(two, &join.right),
        is_of(one, &join.right) && is_of(two, &join.left),
    ) {
        (true, false) => false,
        (false, true) => true,
        _ => return Vec::new(),
    };
    let (op, (left, a), (right, b)) = match swapped {
        false => (Some(op), (one, a), (two, b)),
        true => (op.swap(), (two, b), (one, a)),
    };
    // l OP r + c
    let Some(c) = b.checked_sub(a) else {
        return Vec::new();
    };
    let bound = |column: &Column, reach: i64| Bound {
        time: Expr::Column(column.clone()),
        reach,
    };
    let left_is = is_event_time(&Expr::Column(left.clone()), &join.left);
    let right_is = is_event_time(&Expr::Column(right.clone()), &join.right);
    let mut found = Vec::new();
    // r <= l - c: no row of the right side that is not late is, once the watermark is there.
    let of_left = |more: i64| right_is.then(|| (0, bound(left, more.saturating_sub(c))));
    // l <= r + c
    let of_right = |more: i64| left_is.then(|| (1, bound(right, c.saturating_add(more))));
    match op {
        Some(Operator::GtEq) => found.extend(of_left(slack)),
        Some(Operator::Gt) => found.extend(of_left(0)),
        Some(Operator::LtEq) => found.extend(of_right(slack)),
        Some(Operator::Lt) => found.extend(of_right(0)),
        Some(Operator::Eq) => {
            found.extend(of_left(slack));
            found.extend(of_right(slack));
        }
        _ => {}
    }
    found
}

/// A column, and so many microseconds that are added to it.
fn moved(expression: &Expr) -> Option<(&Column, i64)> {
    match expression {
        Expr::Column(column) => Some((column, 0)),
        Expr::Alias(alias) => moved(&alias.expr),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (left, right) = match (op, micros(left)) {
                (Operator::Plus, Some(_)) => (right, left),
                _ => (left, right),
            };
            let (column, before) = moved(left)?;
            let length = micros(right)?;
            let after = match op {
                Operator::Plus => before.checked_add(length)?,
                Operator::Minus => before.checked_sub(length)?,
                _ => return None,
            };
            Some((column, after))
        }
        _ => None,
    }
}

/// A constant length of time that always lasts the same.
pub(super) fn micros(expression: &Expr) -> Option<i64> {
    const DAY: i64 = 86_400_000_000;
    match expression {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(length)), _) => {
            let days = i64::from(length.days).checked_mul(DAY)?;
            (length.months == 0).then_some(days.checked_add(length.nanoseconds / 1000)?)
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(length)), _) => {
            let days = i64::from(length.days).checked_mul(DAY)?;
            days.checked_add(i64::from(length.milliseconds) * 1000)
        }
        Expr::Literal(ScalarValue::DurationMicrosecond(Some(length)), _) => Some(*length),
        _ => None,
    }
}

fn is_window(expression: &Expr, schema: &DFSchema) -> bool {
    use datafusion_expr::ExprSchemable;
    let data_type = expression.get_type(schema);
    data_type.is_ok_and(|data_type| is_window_type(&data_type))
}
