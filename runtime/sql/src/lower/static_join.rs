//! A join of a stream with a table: no late rows, no exchange, no state.

use std::sync::Arc;

use azud_operators::{JoinKind, JoinPlan, StaticJoin, StaticRows, StaticSide};
use datafusion_common::{JoinType, NullEquality};
use datafusion_expr::{Expr, LogicalPlan, lit, logical_plan};

use super::join::computes;
use super::stream::Stream;
use super::{Lowering, nullable};
use crate::catalog::Node;
use crate::expand::of_extension;
use crate::{Input, SqlError, Step};

impl Lowering {
    /// The sides say whether they are tables; one of them is.
    pub(super) fn static_join(
        &mut self,
        join: &logical_plan::Join,
        is_left: bool,
        is_right: bool,
    ) -> Result<Stream, SqlError> {
        if is_left && is_right {
            return Err(SqlError::new(
                "tables are joined with a stream, and this joins them with each other",
            )
            .help("start with the stream: FROM stream JOIN one ON ... JOIN other ON ..."));
        }
        let kind = kind(join.join_type, is_left)?;
        let (streaming, table) = match is_left {
            true => (1, &join.left),
            false => (0, &join.right),
        };
        let (name, rows) = table_of(table)?;
        let (mut left, mut right): (Vec<_>, Vec<_>) = join.on.iter().cloned().unzip();
        if join.on.is_empty() {
            // Every row of the table has the key of every row that comes.
            left.push(lit(0));
            right.push(lit(0));
        }
        let (left, right) = (left.as_slice(), right.as_slice());
        let (left_stream, left_side) = self.static_side(&join.left, left, is_left)?;
        let (right_stream, right_side) = self.static_side(&join.right, right, is_right)?;
        let output = nullable(&join.schema);
        let plan = Arc::new(JoinPlan {
            kind,
            keys: left.len(),
            null_equals_null: join.null_equality == NullEquality::NullEqualsNull,
            sides: [left_side, right_side],
            filter: self.join_filter(join)?,
            output: output.clone(),
            computes: computes(join, &[None, None])?,
        });
        plan.check()
            .map_err(|error| SqlError::new(error.to_string()))?;
        let (stream, table) = match is_left {
            true => (right_stream, left_stream),
            false => (left_stream, right_stream),
        };
        let stages = table.into_stages();
        let side = StaticSide::new(plan.clone(), 1 - streaming, rows, stages);
        let side = Arc::new(side);
        let input = self.input(stream, true);
        self.steps.push(Step {
            table: Some(name),
            make: Arc::new(move |_| {
                let join = StaticJoin::new(plan.clone(), streaming, side.clone());
                Ok(Box::new(join))
            }),
            ..Step::stateless("table join", input, output.clone())
        });
        Ok(Stream::new(Input::Step(self.steps.len() - 1), output))
    }

    fn static_side(
        &mut self,
        plan: &LogicalPlan,
        keys: &[Expr],
        is_table: bool,
    ) -> Result<(Stream, azud_operators::JoinSide), SqlError> {
        self.reads_table = is_table;
        let stream = self.stream(plan);
        self.reads_table = false;
        self.keyed(stream?, plan, keys, None)
    }
}

/// Whether all that a plan reads are tables.
pub(super) fn is_static(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let node = scan.source.downcast_ref::<Node>();
            node.is_some_and(|node| node.rows.is_some())
        }
        other => {
            let inputs = other.inputs();
            !inputs.is_empty() && inputs.into_iter().all(is_static)
        }
    }
}

/// The table that a plan filters and computes columns of, and no more.
fn table_of(plan: &LogicalPlan) -> Result<(String, Arc<dyn StaticRows>), SqlError> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let node = scan.source.downcast_ref::<Node>();
            let table = node.and_then(|node| Some((node.name.clone(), node.rows.clone()?)));
            table.ok_or_else(|| SqlError::new(format!("`{}` is no table", scan.table_name)))
        }
        LogicalPlan::SubqueryAlias(alias) => table_of(&alias.input),
        LogicalPlan::Projection(projection) => table_of(&projection.input),
        LogicalPlan::Filter(filter) => table_of(&filter.input),
        LogicalPlan::Unnest(unnest) => table_of(&unnest.input),
        LogicalPlan::Extension(extension) => match of_extension(extension) {
            Some(node) => table_of(&node.input),
            None => Err(no_table()),
        },
        _ => Err(no_table()),
    }
}

fn no_table() -> SqlError {
    SqlError::new("of a table a subquery can choose rows and compute columns, and no more")
        .help("join the stream with the table itself, and aggregate above the join")
}

/// A table's rows are read for a stream alone.
pub(super) fn refuse_alone(table: &str) -> SqlError {
    SqlError::new(format!(
        "`{table}` is static: its rows are no stream, and can only be joined with one"
    ))
    .help(format!(
        "write FROM stream JOIN {table} ON ...; without `static: true` it is a stream itself"
    ))
}

/// As in Spark, what a join gives without a match is of the stream: that nothing will match a
/// row of the table is never known.
fn kind(join: JoinType, table_is_left: bool) -> Result<JoinKind, SqlError> {
    let kind = match join {
        JoinType::Inner => return Ok(JoinKind::Inner),
        JoinType::Left if !table_is_left => return Ok(JoinKind::Left),
        JoinType::LeftSemi if !table_is_left => return Ok(JoinKind::LeftSemi),
        JoinType::LeftAnti if !table_is_left => return Ok(JoinKind::LeftAnti),
        JoinType::Right if table_is_left => return Ok(JoinKind::Right),
        other => other,
    };
    let refused = match kind {
        JoinType::Left => "LeftOuter join",
        JoinType::Right => "RightOuter join",
        JoinType::Full => "FullOuter join",
        JoinType::LeftSemi => "LeftSemi join",
        JoinType::LeftAnti => "LeftAnti join",
        other => return Err(SqlError::new(format!("{other} joins cannot stream"))),
    };
    let (of_stream, of_table) = match table_is_left {
        true => ("right", "left"),
        false => ("left", "right"),
    };
    Err(SqlError::new(format!(
        "{refused} with a streaming DataFrame/Dataset on the {of_stream} and a static \
         DataFrame/Dataset on the {of_table} is not supported: a row of the stream that has not \
         come yet may match"
    ))
    .help("the stream's rows can be kept: stream LEFT JOIN table, or table RIGHT JOIN stream"))
}
