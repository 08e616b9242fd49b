//! What a window among the keys of an aggregate changes: rows are grouped by pane, late ones
//! are taken out before, and results have the windows again.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use azud_model::{Error, Mode};
use azud_operators::{
    Aggregate, Filter, FinalAggregate, LateFilter, LateRows, PartialAggregate, WindowAggregate,
    Windows,
};
use datafusion_expr::expr_rewriter::unnormalize_col;
use datafusion_expr::{Expr, logical_plan};
use datafusion_physical_expr::expressions::IsNotNullExpr;

use super::event_time::{index_is, is_event_time, window_of};
use super::stream::Stream;
use super::{Lowering, column};
use crate::catalog::Node;
use crate::functions::WindowFunction;
use crate::{Input, Late, SqlError, Step};

/// The window among the keys of an aggregate.
pub(super) struct Window {
    /// Its place among the keys.
    pub(super) key: usize,
    /// What it goes by: a timestamp, or a window.
    pub(super) time: Expr,
    pub(super) windows: Windows,
    /// Whether the watermark closes it.
    pub(super) closes: bool,
}

// === impl Window ===

impl Window {
    /// The window among the keys, if there is one.
    pub(super) fn find(aggregate: &logical_plan::Aggregate) -> Option<Self> {
        let keys = aggregate.group_expr.iter().enumerate();
        let mut windows = keys.filter_map(|(key, of)| {
            let (time, windows) = window_of(of, &aggregate.input)?;
            Some(Self {
                key,
                time,
                windows,
                closes: is_event_time(of, &aggregate.input),
            })
        });
        windows.next()
    }

    /// What is kept of the window, in words: `window(ts, 10 s)`.
    pub(super) fn name(&self) -> String {
        let time = unnormalize_col(self.time.clone());
        let seconds = |micros: i64| micros as f64 / 1e6;
        let (size, slide) = (self.windows.size(), self.windows.slide());
        let mut name = format!("window({time}, {} s", seconds(size));
        if slide != size {
            name.push_str(&format!(" each {} s", seconds(slide)));
        }
        if self.windows.offset() != 0 {
            name.push_str(&format!(" from {} s", seconds(self.windows.offset())));
        }
        name.push(')');
        name
    }

    /// What rows are grouped by.
    pub(super) fn pane(&self) -> Expr {
        WindowFunction::pane(self.windows, self.time.clone())
    }
}

impl Lowering {
    /// Takes out what is late: it leaves the node by a side edge.
    pub(super) fn late(
        &mut self,
        stream: Stream,
        window: &Window,
        aggregate: &logical_plan::Aggregate,
    ) -> Result<Stream, SqlError> {
        let time = WindowFunction::time(window.time.clone());
        let time = self.expression(&time, aggregate.input.schema())?;
        let schema = stream.schema.clone();
        let windows = window.windows;
        let input = self.input(stream, true);
        self.late.push(Late {
            step: self.steps.len(),
            schema: late_schema(&schema, &aggregate.input),
        });
        self.steps.push(Step {
            // The aggregate that follows.
            modes_of: Some(self.steps.len() + 3),
            make: Arc::new(move |context| {
                let becomes = match context.modes.as_slice() {
                    [Mode::Complete] => LateRows::None,
                    modes if modes.contains(&Mode::Complete) => LateRows::Copied,
                    _ => LateRows::TakenOut,
                };
                Ok(Box::new(LateFilter::new(time.clone(), windows, becomes)))
            }),
            ..Step::stateless("late rows", input, schema.clone())
        });
        Ok(Stream::new(Input::Step(self.steps.len() - 1), schema))
    }

    /// Both halves of an aggregate whose first key is a pane.
    pub(super) fn window_halves(
        &mut self,
        stream: Stream,
        aggregate: Arc<Aggregate>,
        window: &Window,
    ) -> Stream {
        // A row without a time is in no window, as in Spark.
        let schema = stream.schema.clone();
        let first = schema.fields().first().map_or("", |field| field.name());
        let has_time = Arc::new(IsNotNullExpr::new(column(first, 0)));
        let stream = stream.then("filter", Filter::new(has_time), schema.clone());
        let input = Input::Step(self.step(stream, aggregate.has_user_calls()));
        let partial = aggregate.clone();
        self.steps.push(Step {
            make: Arc::new(move |_| Ok(Box::new(PartialAggregate::new(partial.clone())?))),
            ..Step::stateless("partial aggregate", input, aggregate.state().clone())
        });
        let keys = aggregate.moves_by().collect();
        let output = aggregate.output().clone();
        let (windows, closes) = (window.windows, window.closes);
        self.steps.push(Step {
            exchange: Some(keys),
            stateful: true,
            closes,
            make: Arc::new(move |context| {
                let (aggregate, modes) = (aggregate.clone(), context.modes.clone());
                Ok(match (context.state_per_batch, windows.is_tumbling()) {
                    (true, true) => Box::new(FinalAggregate::new(aggregate, modes, true)?),
                    (true, false) => {
                        return Err(Error::invalid(
                            "`state: batch` is for windows that do not overlap",
                        ));
                    }
                    (false, _) => {
                        Box::new(WindowAggregate::new(aggregate, windows, modes, closes)?)
                    }
                })
            }),
            ..Step::stateless(
                "window aggregate",
                Input::Step(self.steps.len() - 1),
                output.clone(),
            )
        });
        Stream::new(Input::Step(self.steps.len() - 1), output)
    }
}

/// The columns of late rows: those that the query reads, as their node names them.
fn late_schema(schema: &SchemaRef, plan: &datafusion_expr::LogicalPlan) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(index, field)| {
        let name = original(index, plan).unwrap_or_else(|| field.name().clone());
        Field::new(name, field.data_type().clone(), true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The name that a node gives to a column that subqueries pass on as it is.
fn original(index: usize, plan: &datafusion_expr::LogicalPlan) -> Option<String> {
    use datafusion_expr::LogicalPlan;
    match plan {
        LogicalPlan::Filter(filter) => original(index, &filter.input),
        LogicalPlan::SubqueryAlias(alias) => original(index, &alias.input),
        LogicalPlan::TableScan(scan) => {
            let node = scan.source.downcast_ref::<Node>()?;
            let index = match &scan.projection {
                Some(columns) => *columns.get(index)?,
                None => index,
            };
            node.names.get(index).cloned()
        }
        _ => None,
    }
}

/// The names of the columns of a query that are event time.
pub(super) fn times(plan: &datafusion_expr::LogicalPlan, names: &[String]) -> Vec<String> {
    let names = names.iter().enumerate();
    let times = names.filter(|(index, _)| index_is(*index, plan));
    times.map(|(_, name)| name.clone()).collect()
}
