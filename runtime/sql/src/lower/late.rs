//! Late rows: they leave a query by a side edge, before the step that they are late for.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use azud_model::Mode;
use azud_operators::{LateFilter, LateRows, Windows};
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, logical_plan};

use super::Lowering;
use super::stream::Stream;
use super::window::Window;
use crate::catalog::Node;
use crate::functions::{WindowFunction, is_window_type, last_call};
use crate::hooks::get_field;
use crate::{Input, Late, SqlError, Step};

impl Lowering {
    /// Takes out what is late: it leaves the node by a side edge.
    pub(super) fn late(
        &mut self,
        stream: Stream,
        window: &Window,
        aggregate: &logical_plan::Aggregate,
    ) -> Result<Stream, SqlError> {
        let of = aggregate.input.schema();
        let schema = stream.schema.clone();
        // Of windows whose lengths only their rows know both ends count: an input that has ended
        // has closed all that had begun.
        let (time, start) = match last_call(&window.time) {
            Some(window) => (
                get_field(window.clone(), "end"),
                Some(get_field(window.clone(), "start")),
            ),
            None => {
                let is_gap = window.is_gap_a_row();
                let start = is_gap.then(|| WindowFunction::time(window.time.clone()));
                (window.late_by(), start)
            }
        };
        let time = self.expression(&time, of)?;
        let start = start.map(|start| self.expression(&start, of)).transpose()?;
        let windows = window.windows;
        let of_session = window.session_end.is_some();
        let input = self.input(stream, true);
        self.late.push(Late {
            step: self.steps.len(),
            schema: late_schema(&schema, &aggregate.input),
        });
        self.unserved.push(self.steps.len());
        self.steps.push(Step {
            make: Arc::new(move |context| {
                let becomes = match context.modes.as_slice() {
                    _ if context.late_updates => LateRows::Copied,
                    // As Spark has it of sessions, in mode complete too.
                    _ if of_session => LateRows::TakenOut,
                    [Mode::Complete] => LateRows::None,
                    modes if modes.contains(&Mode::Complete) => LateRows::Copied,
                    _ => LateRows::TakenOut,
                };
                let filter = LateFilter::new(time.clone(), windows, becomes);
                Ok(Box::new(match &start {
                    Some(start) => filter.starting(start.clone()),
                    None => filter,
                }))
            }),
            ..Step::stateless("late rows", input, schema.clone())
        });
        Ok(Stream::new(Input::Step(self.steps.len() - 1), schema))
    }

    /// Takes out rows that are late by a column of event time.
    pub(super) fn late_by(
        &mut self,
        stream: Stream,
        plan: &LogicalPlan,
        time: &Expr,
    ) -> Result<Stream, SqlError> {
        let schema = plan.schema();
        let data_type = time.get_type(schema);
        let (time, start) = match data_type.is_ok_and(|data_type| is_window_type(&data_type)) {
            true => (
                get_field(time.clone(), "end"),
                Some(get_field(time.clone(), "start")),
            ),
            false => (WindowFunction::time(time.clone()), None),
        };
        let time = self.expression(&time, schema)?;
        let start = start
            .map(|start| self.expression(&start, schema))
            .transpose()?;
        let rows = stream.schema.clone();
        let input = self.input(stream, true);
        self.late.push(Late {
            step: self.steps.len(),
            schema: late_schema(&rows, plan),
        });
        self.unserved.push(self.steps.len());
        self.steps.push(Step {
            make: Arc::new(move |_| {
                let becomes = LateRows::TakenOut;
                let filter = LateFilter::new(time.clone(), Windows::instants(), becomes);
                Ok(Box::new(match &start {
                    Some(start) => filter.starting(start.clone()),
                    None => filter,
                }))
            }),
            ..Step::stateless("late rows", input, rows.clone())
        });
        Ok(Stream::new(Input::Step(self.steps.len() - 1), rows))
    }
}

/// The columns of late rows: those that the query reads, as their node names them.
fn late_schema(schema: &SchemaRef, plan: &LogicalPlan) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(index, field)| {
        let name = original(index, plan).unwrap_or_else(|| field.name().clone());
        Field::new(name, field.data_type().clone(), true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The name that a node gives to a column that subqueries pass on as it is.
fn original(index: usize, plan: &LogicalPlan) -> Option<String> {
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
        LogicalPlan::Extension(extension) => {
            let node = crate::expand::of_extension(extension)?;
            original(index, &node.input)
        }
        _ => None,
    }
}
