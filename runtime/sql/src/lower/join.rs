//! A join of two streams: late rows taken out of both, rows moved by their keys, and matched.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use azud_operators::{Join, JoinKind, JoinPlan, JoinSide, PairFilter, Project};
use datafusion_common::tree_node::{Transformed, TreeNode as _};
use datafusion_common::{Column, DFSchema, JoinType, NullEquality};
use datafusion_expr::expr_rewriter::unnormalize_col;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, logical_plan};

use super::aggregate::computed;
use super::bounds::{self, Bound};
use super::event_time::index_is;
use super::static_join::is_static;
use super::stream::Stream;
use super::{Lowering, column, nullable};
use crate::{Input, SqlError, Step};

impl Lowering {
    pub(super) fn join(&mut self, join: &logical_plan::Join) -> Result<Stream, SqlError> {
        match (is_static(&join.left), is_static(&join.right)) {
            (false, false) => {}
            (left, right) => return self.static_join(join, left, right),
        }
        let kind = kind(join.join_type)?;
        if join.on.is_empty() {
            return Err(SqlError::new(
                "Stream-stream join without equality predicate is not supported",
            )
            .help("write ON a.key = b.key, and what else must be true behind AND"));
        }
        let bounds = bounds::of(join);
        refuse_unbounded(kind, &bounds)?;
        let (left, right): (Vec<_>, Vec<_>) = join.on.iter().cloned().unzip();
        let [of_left, of_right] = &bounds;
        let (left, left_side) = self.side(&join.left, &left, of_left.as_ref())?;
        // The steps of the right side serve themselves.
        let mut unserved = std::mem::take(&mut self.unserved);
        let (right, right_side) = self.side(&join.right, &right, of_right.as_ref())?;
        unserved.append(&mut self.unserved);
        let output = nullable(&join.schema);
        let plan = Arc::new(JoinPlan {
            kind,
            keys: join.on.len(),
            null_equals_null: join.null_equality == NullEquality::NullEqualsNull,
            sides: [left_side, right_side],
            filter: self.join_filter(join)?,
            output: output.clone(),
            computes: computes(join, &bounds)?,
        });
        plan.check()
            .map_err(|error| SqlError::new(error.to_string()))?;
        let behind = bounds.iter().flatten().map(|bound| bound.reach.max(0));
        let behind = behind.max().unwrap_or(0);
        self.steps.push(Step {
            inputs: vec![left.clone(), right],
            exchange: Some((0..plan.keys).collect()),
            keeps: true,
            behind,
            make: Arc::new(move |_| Ok(Box::new(Join::new(plan.clone())?))),
            ..Step::stateless("join", left, output.clone())
        });
        self.serve(unserved);
        Ok(Stream::new(Input::Step(self.steps.len() - 1), output))
    }

    /// One side's rows as the join wants them: keys, the time that they expire by, the rest.
    fn side(
        &mut self,
        plan: &LogicalPlan,
        keys: &[Expr],
        bound: Option<&Bound>,
    ) -> Result<(Input, JoinSide), SqlError> {
        let stream = self.stream(plan)?;
        let stream = self.without_late(stream, plan, bound)?;
        let (stream, side) = self.keyed(stream, plan, keys, bound)?;
        Ok((self.input(stream, true), side))
    }

    /// The rows of `plan` with their keys and the time that they expire by before them.
    pub(super) fn keyed(
        &mut self,
        stream: Stream,
        plan: &LogicalPlan,
        keys: &[Expr],
        bound: Option<&Bound>,
    ) -> Result<(Stream, JoinSide), SqlError> {
        let schema = plan.schema();
        let mut expressions = self.expressions(keys, schema)?;
        let mut fields = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            let data_type = key
                .get_type(schema)
                .map_err(|error| SqlError::from_datafusion(&error))?;
            if matches!(data_type, DataType::Map(..)) {
                return Err(SqlError::new(format!(
                    "rows cannot be joined by `{key}`: maps have no equality"
                )));
            }
            fields.push(Field::new(format!("key {number}"), data_type, true));
        }
        if let Some(bound) = bound {
            expressions.push(self.expression(&bound.time, schema)?);
            let data_type = bound.time.get_type(schema);
            let data_type = data_type.map_err(|error| SqlError::from_datafusion(&error))?;
            fields.push(Field::new("time", data_type, true));
        }
        for (index, field) in stream.schema.fields().iter().enumerate() {
            expressions.push(column(field.name(), index));
            fields.push(field.as_ref().clone());
        }
        let rows = Arc::new(Schema::new(fields));
        let project = Project::new(expressions, rows.clone());
        let stream = stream.then("project", project, rows.clone());
        let side = JoinSide {
            schema: rows,
            reach: bound.map(|bound| bound.reach),
        };
        Ok((stream, side))
    }

    /// Takes out rows that are late by the event time that the join goes by, or else by the first
    /// that they have.
    fn without_late(
        &mut self,
        stream: Stream,
        plan: &LogicalPlan,
        bound: Option<&Bound>,
    ) -> Result<Stream, SqlError> {
        let times = (0..plan.schema().fields().len()).filter(|index| index_is(*index, plan));
        let times: Vec<Expr> = times
            .map(|index| Expr::from(plan.schema().qualified_field(index)))
            .collect();
        let by_bound = bound.map(|bound| match &bound.time {
            Expr::ScalarFunction(call) => call.args.first().unwrap_or(&bound.time),
            other => other,
        });
        let Some(time) = times
            .iter()
            .find(|time| Some(*time) == by_bound)
            .or(times.first())
        else {
            return Ok(stream);
        };
        self.late_by(stream, plan, time)
    }

    pub(super) fn join_filter(
        &self,
        join: &logical_plan::Join,
    ) -> Result<Option<PairFilter>, SqlError> {
        let Some(filter) = &join.filter else {
            return Ok(None);
        };
        let wrong = |error| SqlError::from_datafusion(&error);
        let both: DFSchema = join
            .left
            .schema()
            .join(join.right.schema())
            .map_err(wrong)?;
        let condition = self.expression(filter, &both)?;
        let pairs = nullable(&both);
        Ok(Some(PairFilter::new(condition, &pairs).map_err(wrong)?))
    }
}

fn kind(join: JoinType) -> Result<JoinKind, SqlError> {
    Ok(match join {
        JoinType::Inner => JoinKind::Inner,
        JoinType::Left => JoinKind::Left,
        JoinType::Right => JoinKind::Right,
        JoinType::Full => JoinKind::Full,
        JoinType::LeftSemi => JoinKind::LeftSemi,
        JoinType::LeftAnti => {
            return Err(SqlError::new(
                "LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported: \
                 which rows have no match is never known for good",
            )
            .help("use LEFT JOIN with a bound on both times, and WHERE the right side IS NULL"));
        }
        other => return Err(SqlError::new(format!("{other} joins cannot stream"))),
    })
}

/// Rows that are given when nothing matches them have to be final at some time.
fn refuse_unbounded(kind: JoinKind, bounds: &[Option<Bound>; 2]) -> Result<(), SqlError> {
    let [left, right] = bounds;
    let is_missing = match kind {
        JoinKind::Inner | JoinKind::LeftAnti => false,
        JoinKind::Left | JoinKind::LeftSemi => left.is_none(),
        JoinKind::Right => right.is_none(),
        JoinKind::Full => left.is_none() && right.is_none(),
    };
    if !is_missing {
        return Ok(());
    }
    let name = match kind {
        JoinKind::LeftSemi => "LeftSemi",
        JoinKind::Right => "RightOuter",
        JoinKind::Full => "FullOuter",
        JoinKind::Left | JoinKind::LeftAnti | JoinKind::Inner => "LeftOuter",
    };
    Err(SqlError::new(format!(
        "{name} join between two streaming DataFrame/Datasets is not supported without a watermark \
         in the join keys, or a watermark on the nullable side and an appropriate range condition"
    ))
    .help(
        "give both sources `time`, and bound one by the other: \
         AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1 hour'",
    ))
}

/// What is computed, in the words of the query.
pub(super) fn computes(
    join: &logical_plan::Join,
    bounds: &[Option<Bound>; 2],
) -> Result<String, SqlError> {
    let on = join.on.iter();
    let on = on.map(|(left, right)| Ok(format!("{} = {}", words(left)?, words(right)?)));
    let on = on.collect::<Result<Vec<_>, SqlError>>()?;
    let mut text = format!("{} join on {}", join.join_type, on.join(", "));
    if let Some(filter) = &join.filter {
        text.push_str(&format!(" and {}", words(filter)?));
    }
    for bound in bounds.iter().flatten() {
        let time = words(&bound.time)?;
        text.push_str(&format!(", until {time} + {}", seconds(bound.reach)));
    }
    for side in [&join.left, &join.right] {
        for part in computed(side)? {
            text.push_str(&format!(", of {part}"));
        }
    }
    Ok(text)
}

/// An expression with its lengths of time as people write them.
fn words(expression: &Expr) -> Result<String, SqlError> {
    let plain = expression.clone().transform(|part| {
        Ok(match bounds::micros(&part) {
            Some(micros) => {
                Transformed::yes(Expr::Column(Column::new_unqualified(seconds(micros))))
            }
            None => Transformed::no(part),
        })
    });
    let plain = plain.map_err(|error| SqlError::from_datafusion(&error))?;
    // An alias of a table is no part of what is computed.
    Ok(unnormalize_col(plain.data).to_string())
}

fn seconds(micros: i64) -> String {
    format!("{} s", micros as f64 / 1e6)
}
