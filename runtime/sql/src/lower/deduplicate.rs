//! `dropDuplicates`: late rows taken out, rows moved by their keys, the first of each handed on.

use arrow::datatypes::DataType;
use azud_operators::{Deduplicate as Operator, Distinct};
use datafusion_expr::Expr;
use datafusion_expr::expr_rewriter::unnormalize_col;

use super::Lowering;
use super::aggregate::computed;
use super::event_time::{delay_of, is_event_time};
use super::stream::Stream;
use crate::deduplicate::Deduplicate;
use crate::{Input, SqlError, Step};

impl Lowering {
    pub(super) fn deduplicate(&mut self, node: &Deduplicate) -> Result<Stream, SqlError> {
        let stream = self.stream(&node.input)?;
        let place = |key: &Expr| match key {
            Expr::Column(column) => node.input.schema().index_of_column(column).ok(),
            _ => None,
        };
        let keys: Option<Vec<usize>> = node.keys.iter().map(place).collect();
        let keys = keys.ok_or_else(|| SqlError::new("duplicates are told by columns"))?;
        let fields = node.input.schema().fields();
        let is_map = |key: &&usize| {
            let field = fields.get(**key);
            field.is_some_and(|field| matches!(field.data_type(), DataType::Map(..)))
        };
        if let Some(key) = keys.iter().find(is_map).and_then(|key| fields.get(*key)) {
            return Err(SqlError::new(format!(
                "duplicates cannot be told by `{}`: maps have no equality",
                key.name()
            )));
        }
        let times = (0..node.input.schema().fields().len())
            .map(|index| Expr::from(node.input.schema().qualified_field(index)))
            .enumerate()
            .filter(|(_, column)| is_event_time(column, &node.input));
        let times: Vec<(usize, Expr)> = times.collect();
        let expires = match node.within_watermark {
            true => {
                let time = times.first().ok_or_else(unwatermarked)?;
                Some((time.0, delay_of(&node.input)))
            }
            false => {
                let mut own = times.iter().filter(|(index, _)| keys.contains(index));
                own.next().map(|(index, _)| (*index, 0))
            }
        };
        let words: Vec<String> = node
            .keys
            .iter()
            .map(|key| unnormalize_col(key.clone()).to_string())
            .collect();
        let name = datafusion_expr::UserDefinedLogicalNodeCore::name(node);
        let time = times
            .iter()
            .find(|(index, _)| expires.is_some_and(|(at, _)| at == *index));
        let stream = match time.or(times.first()) {
            Some((_, time)) => self.late_by(stream, &node.input, time)?,
            None => stream,
        };
        let schema = stream.schema.clone();
        let distinct = Distinct {
            keys: keys.clone(),
            expires,
            keeps_untimed: !node.within_watermark,
            schema: schema.clone(),
            computes: [format!("{name} by {}", words.join(", "))]
                .into_iter()
                .chain(
                    computed(&node.input)?
                        .into_iter()
                        .map(|part| format!("of {part}")),
                )
                .collect::<Vec<_>>()
                .join(", "),
        };
        Operator::new(distinct.clone()).map_err(|error| SqlError::new(error.to_string()))?;
        let input = self.input(stream, true);
        self.steps.push(Step {
            exchange: Some(keys),
            keeps: true,
            make: std::sync::Arc::new(move |_| Ok(Box::new(Operator::new(distinct.clone())?))),
            ..Step::stateless("drop duplicates", input, schema.clone())
        });
        let unserved = std::mem::take(&mut self.unserved);
        self.serve(unserved);
        Ok(Stream::new(Input::Step(self.steps.len() - 1), schema))
    }
}

fn unwatermarked() -> SqlError {
    SqlError::new(
        "dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without \
         watermark",
    )
    .help("give the source `time`, and keep its column")
}
