//! Joins: which ones streams can have, and what USING makes of `*`.

use datafusion_sql::sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, Select, SelectItem, Spanned as _,
};

use super::scope::plain;
use crate::SqlError;

/// Refuses joins that streams cannot have; some of them a stream and a table can.
pub(super) fn refuse(join: &Join, reads_static: bool) -> Result<(), SqlError> {
    let at = |error: SqlError| Err(error.at_span(join.span()));
    let constraint = match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint) => constraint,
        JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => {
            if matches!(constraint, JoinConstraint::Using(_)) {
                return at(SqlError::new(
                    "USING is for inner and left joins: which side's column is it here?",
                )
                .help("write ON a.key = b.key"));
            }
            constraint
        }
        JoinOperator::Anti(constraint) | JoinOperator::LeftAnti(constraint) if reads_static => {
            constraint
        }
        JoinOperator::CrossJoin(constraint) if reads_static => constraint,
        JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) | JoinOperator::RightAnti(_) => {
            return at(SqlError::new(
                "anti joins with a streaming DataFrame/Dataset are not supported",
            )
            .help("use LEFT JOIN with a bound on both times, and WHERE the right side IS NULL"));
        }
        JoinOperator::CrossJoin(_) => {
            return at(SqlError::new(
                "Stream-stream join without equality predicate is not supported",
            )
            .help("write JOIN ... ON a.key = b.key"));
        }
        other => {
            let text = format!("{other:?}");
            let name = text.split(['(', ' ', '{']).next().unwrap_or_default();
            return at(SqlError::new(format!("{name} joins cannot stream"))
                .help("write JOIN, LEFT JOIN, RIGHT JOIN, FULL JOIN or LEFT SEMI JOIN"));
        }
    };
    match constraint {
        JoinConstraint::Natural => at(SqlError::new(
            "NATURAL joins by whatever names both sides share: a new column would change the query",
        )
        .help("write ON a.key = b.key")),
        _ => Ok(()),
    }
}

/// `SEMI JOIN` is `LEFT SEMI JOIN`, for which the planner has no other word; and so is `ANTI JOIN`.
pub(super) fn rewrite(select: &mut Select) {
    for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
        if let JoinOperator::Semi(constraint) = &join.join_operator {
            join.join_operator = JoinOperator::LeftSemi(constraint.clone());
        }
        if let JoinOperator::Anti(constraint) = &join.join_operator {
            join.join_operator = JoinOperator::LeftAnti(constraint.clone());
        }
    }
}

/// Whether only the left side's columns can be seen behind a join.
pub(super) fn is_semi(join: &Join) -> bool {
    matches!(
        join.join_operator,
        JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
    )
}

/// The columns of USING.
pub(super) fn using(join: &Join) -> Vec<String> {
    let constraint = match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint) => constraint,
        _ => return Vec::new(),
    };
    match constraint {
        JoinConstraint::Using(columns) => columns.iter().map(plain).collect(),
        _ => Vec::new(),
    }
}

/// Spark puts the columns of USING first in `*`: refused where that is not where they are.
pub(super) fn check_star<'a>(
    select: &Select,
    join: &Join,
    using: &[String],
    left: impl Iterator<Item = &'a String>,
) -> Result<(), SqlError> {
    let has_star = || {
        let mut items = select.projection.iter();
        items.any(|item| matches!(item, SelectItem::Wildcard(_)))
    };
    let in_place = using
        .iter()
        .zip(left)
        .filter(|(using, left)| using.eq_ignore_ascii_case(left));
    if using.is_empty() || in_place.count() == using.len() || !has_star() {
        return Ok(());
    }
    Err(
        SqlError::new("with USING, `*` starts with its columns, which are not the first ones here")
            .help("write the columns that you want")
            .at_span(join.span()),
    )
}
