//! `ORDER BY` and `LIMIT`: of whole results, which mode complete has; and in mode append the first
//! rows of the whole stream.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_model::{Mode, Result as Made};
use azud_operators::{Limit, Operator, SortKey, Top};
use datafusion_common::ScalarValue;
use datafusion_expr::{Expr, logical_plan};

use super::Lowering;
use super::stream::Stream;
use crate::{Input, SqlError, Step, StepContext};

const SORT: &str = "Sorting is not supported on streaming DataFrames/Datasets, unless it is on \
    aggregated DataFrame/Dataset in Complete output mode";
const LIMIT: &str =
    "Limits are not supported on streaming DataFrames/Datasets in Update output mode";
const OFFSET: &str = "Offset is not supported on streaming DataFrames/Datasets: it is for whole \
    results, in Complete output mode";

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
        let schema = stream.schema.clone();
        let made = schema.clone();
        let make = move |_: &StepContext| -> Made<_> { Ok(top(&keys, &rows, &schema)) };
        let input = self.input(stream, true);
        Ok(self.in_one_lane(Step {
            refuses: &[(Mode::Append, SORT), (Mode::Update, SORT)],
            make: Arc::new(make),
            ..Step::stateless("sort", input, made)
        }))
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
        let refuses: &'static [(Mode, &'static str)] = match from {
            0 => &[(Mode::Update, LIMIT)],
            _ => &[(Mode::Append, OFFSET), (Mode::Update, OFFSET)],
        };
        let schema = stream.schema.clone();
        let made = schema.clone();
        let make = move |context: &StepContext| -> Made<Box<dyn Operator>> {
            // An epoch's rows are a whole result there.
            let of_epoch = context.per_epoch || context.modes == [Mode::Complete];
            Ok(match of_epoch {
                true => top(&[], &rows, &schema),
                false => Box::new(Limit::new(rows.end as u64)),
            })
        };
        let input = self.input(stream, true);
        Ok(self.in_one_lane(Step {
            counts: true,
            refuses,
            make: Arc::new(make),
            ..Step::stateless("limit", input, made)
        }))
    }

    /// Adds a step that all rows reach in one lane.
    fn in_one_lane(&mut self, step: Step) -> Stream {
        let schema = step.schema.clone();
        self.steps.push(Step {
            exchange: Some(Vec::new()),
            ..step
        });
        Stream::new(Input::Step(self.steps.len() - 1), schema)
    }
}

fn top(keys: &[SortKey], rows: &Range<usize>, schema: &SchemaRef) -> Box<dyn Operator> {
    Box::new(Top::new(keys.to_vec(), rows.clone(), schema.clone()))
}
