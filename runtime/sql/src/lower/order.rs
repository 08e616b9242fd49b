//! `ORDER BY` and `LIMIT`: of whole results only, which mode complete has.

use std::ops::Range;

use azud_model::Mode;
use azud_operators::{SortKey, Top};
use datafusion_common::ScalarValue;
use datafusion_expr::{Expr, logical_plan};

use super::Lowering;
use super::stream::Stream;
use crate::{Input, SqlError, Step};

const SORT: &str = "Sorting is not supported on streaming DataFrames/Datasets, unless it is on \
    aggregated DataFrame/Dataset in Complete output mode";
const LIMIT: &str = "LIMIT and OFFSET are for whole results, in Complete output mode: which rows \
    of a stream come first depends on timing";

impl Lowering {
    pub(super) fn sort(&mut self, sort: &logical_plan::Sort) -> Result<Stream, SqlError> {
        let stream = self.stream(&sort.input)?;
        let mut keys = Vec::new();
        for key in &sort.expr {
            keys.push(SortKey {
                expression: self.expression(&key.expr, sort.input.schema())?,
                descending: !key.asc,
                nulls_first: key.nulls_first,
            });
        }
        let rows = 0..sort.fetch.unwrap_or(usize::MAX);
        Ok(self.top(
            "sort",
            stream,
            keys,
            rows,
            &[(Mode::Append, SORT), (Mode::Update, SORT)],
        ))
    }

    pub(super) fn limit(&mut self, limit: &logical_plan::Limit) -> Result<Stream, SqlError> {
        let stream = self.stream(&limit.input)?;
        let number = |of: &Option<Box<Expr>>, none: usize| match of.as_deref() {
            None => Ok(none),
            Some(Expr::Literal(number, _)) => {
                match number.cast_to(&arrow::datatypes::DataType::Int64) {
                    Ok(ScalarValue::Int64(Some(number))) if number >= 0 => {
                        Ok(usize::try_from(number).unwrap_or(usize::MAX))
                    }
                    _ => Err(SqlError::new(
                        "LIMIT and OFFSET take a number that is not negative",
                    )),
                }
            }
            Some(_) => Err(SqlError::new("LIMIT and OFFSET take a constant")),
        };
        let from = number(&limit.skip, 0)?;
        let count = number(&limit.fetch, usize::MAX)?;
        let rows = from..from.saturating_add(count);
        let refuses = &[(Mode::Append, LIMIT), (Mode::Update, LIMIT)];
        Ok(self.top("limit", stream, Vec::new(), rows, refuses))
    }

    fn top(
        &mut self,
        name: &'static str,
        stream: Stream,
        keys: Vec<SortKey>,
        rows: Range<usize>,
        refuses: &'static [(Mode, &'static str)],
    ) -> Stream {
        let schema = stream.schema.clone();
        let input = self.input(stream, false);
        let made = schema.clone();
        self.steps.push(Step {
            // All rows meet in one lane.
            exchange: Some(Vec::new()),
            refuses,
            make: std::sync::Arc::new(move |_| {
                Ok(Box::new(Top::new(keys.clone(), rows.clone(), made.clone())))
            }),
            ..Step::stateless(name, input, schema.clone())
        });
        Stream::new(Input::Step(self.steps.len() - 1), schema)
    }
}
