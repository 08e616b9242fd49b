//! What a window among the keys of an aggregate changes: rows are grouped by pane, late ones
//! are taken out before, and results have the windows again.

use std::sync::Arc;

use arrow::datatypes::DataType;
use azud_model::{Error, Mode};
use azud_operators::{
    Aggregate, Filter, FinalAggregate, PartialAggregate, SessionAggregate, SessionStarts,
    WindowAggregate, Windows,
};
use datafusion_common::ScalarValue;
use datafusion_expr::expr_rewriter::unnormalize_col;
use datafusion_expr::{Expr, ExprSchemable, logical_plan};
use datafusion_physical_expr::expressions::IsNotNullExpr;

use super::event_time::{delay_of, index_is, is_clock, is_event_time, window_of};
use super::stream::Stream;
use super::{Lowering, column};
use crate::functions::{WindowFunction, is_window_type, last_call, session_call};
use crate::{Input, Step, Times};

/// The window among the keys of an aggregate, or the time that stands for itself.
pub(super) struct Window {
    /// Its place among the keys.
    pub(super) key: usize,
    /// What it goes by: a timestamp, or a window.
    pub(super) time: Expr,
    pub(super) windows: Windows,
    /// Of a session: when one of a row alone ends.
    pub(super) session_end: Option<Expr>,
    /// Whether the key is a time, and no window.
    pub(super) is_moment: bool,
    /// Whether the watermark closes it.
    pub(super) closes: bool,
    /// Whether that is the clock's.
    pub(super) by_clock: bool,
}

// === impl Window ===

impl Window {
    /// The window among the keys, if there is one.
    pub(super) fn find(aggregate: &logical_plan::Aggregate) -> Option<Self> {
        let keys = aggregate.group_expr.iter().enumerate();
        let mut windows = keys.filter_map(|(key, of)| {
            let (time, windows) = window_of(of, &aggregate.input)?;
            let by_clock = is_clock(&time, &aggregate.input);
            Some(Self {
                key,
                time,
                windows,
                session_end: None,
                is_moment: false,
                closes: by_clock || is_event_time(of, &aggregate.input),
                by_clock,
            })
        });
        let window = windows.next();
        window
            .or_else(|| Self::session(aggregate))
            .or_else(|| Self::last(aggregate))
            .or_else(|| Self::moment(aggregate))
    }

    /// The last moment of a window that another node has computed, before its other keys.
    fn last(aggregate: &logical_plan::Aggregate) -> Option<Self> {
        let time = aggregate.group_expr.first()?;
        last_call(time)?;
        Some(Self {
            key: 0,
            time: time.clone(),
            windows: Windows::lasts(),
            session_end: None,
            is_moment: true,
            closes: true,
            by_clock: false,
        })
    }

    /// The session among the keys.
    fn session(aggregate: &logical_plan::Aggregate) -> Option<Self> {
        let mut keys = aggregate.group_expr.iter().enumerate();
        keys.find_map(|(key, of)| {
            let call = unalias(of);
            let (time, gap) = session_call(call)?;
            // Late is a row whose session, were it alone, would be closed: of sessions with one
            // gap that is a window of that length that starts with it.
            let windows = match constant_gap(gap) {
                Some(gap) => Windows::new(gap, 1, 0).ok()?,
                None => Windows::instants(),
            };
            Some(Self {
                key,
                time: WindowFunction::time(time.clone()),
                windows,
                session_end: Some(WindowFunction::session_end(time.clone(), gap.clone())),
                is_moment: false,
                closes: is_event_time(call, &aggregate.input),
                by_clock: false,
            })
        })
    }

    /// Event time itself among the keys.
    fn moment(aggregate: &logical_plan::Aggregate) -> Option<Self> {
        let mut keys = aggregate.group_expr.iter().enumerate();
        let is_moment = |key: &Expr| {
            is_event_time(key, &aggregate.input)
                && key
                    .get_type(aggregate.input.schema())
                    .is_ok_and(|data_type| matches!(data_type, DataType::Timestamp(..)))
        };
        let (key, time) = keys.find(|(_, key)| is_moment(key))?;
        Some(Self {
            key,
            time: time.clone(),
            windows: Windows::instants(),
            session_end: None,
            is_moment: true,
            closes: true,
            by_clock: false,
        })
    }

    /// Whether the key stands before those that the query names.
    pub(super) fn is_last(&self) -> bool {
        last_call(&self.time).is_some()
    }

    /// Whether the panes of a key make its windows together.
    pub(super) fn is_together(&self) -> bool {
        self.session_end.is_some() || !self.windows.is_tumbling()
    }

    /// Whether sessions have gaps of their own for each row.
    pub(super) fn is_gap_a_row(&self) -> bool {
        self.session_end.is_some() && self.windows == Windows::instants()
    }

    /// What late rows are told by.
    pub(super) fn late_by(&self) -> Expr {
        match &self.session_end {
            Some(end) if self.is_gap_a_row() => end.clone(),
            _ => WindowFunction::time(self.time.clone()),
        }
    }

    /// What is kept of the window, in words: `window(ts, 10 s)`.
    pub(super) fn name(&self) -> String {
        let time = unnormalize_col(self.time.clone());
        if let Some(window) = last_call(&time) {
            return format!("end of {window}");
        }
        if let Some(end) = &self.session_end {
            return format!("session to {}", unnormalize_col(end.clone()));
        }
        if self.is_moment {
            return time.to_string();
        }
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
        match self.is_moment || self.session_end.is_some() {
            true => self.time.clone(),
            false => WindowFunction::pane(self.windows, self.time.clone()),
        }
    }
}

impl Lowering {
    /// Both halves of an aggregate whose first key is the start of a session, whose first call
    /// reads when one of a row alone ends: column `end`.
    pub(super) fn session_halves(
        &mut self,
        stream: Stream,
        aggregate: Arc<Aggregate>,
        window: &Window,
        end: usize,
    ) -> Stream {
        // A row without a time, or with no gap, is in no session.
        let schema = stream.schema.clone();
        let name = schema.fields().get(end).map_or("", |field| field.name());
        let has_end = Arc::new(IsNotNullExpr::new(column(name, end)));
        let stream = stream.then("filter", Filter::new(has_end), schema.clone());
        let starts = SessionStarts::new(&schema, aggregate.keys() - 1, end);
        let stream = stream.then("sessions", starts, schema);
        let input = Input::Step(self.step(stream, aggregate.has_user_calls()));
        let partial = aggregate.clone();
        self.steps.push(Step {
            make: Arc::new(move |_| {
                Ok(Box::new(
                    PartialAggregate::new(partial.clone())?.of_windows(),
                ))
            }),
            ..Step::stateless("partial aggregate", input, aggregate.state().clone())
        });
        let output = aggregate.output().clone();
        let closes = window.closes;
        self.steps.push(Step {
            exchange: Some(aggregate.moves_by().collect()),
            stateful: true,
            closes,
            refuses: &[(
                Mode::Update,
                "Session window on streaming DataFrame/DataSet in update output mode is not \
                 supported: sessions that meet would leave rows behind",
            )],
            make: Arc::new(move |context| {
                if context.state_per_batch {
                    return Err(Error::invalid("`state: batch` is not for sessions"));
                }
                let (aggregate, modes) = (aggregate.clone(), context.modes.clone());
                Ok(Box::new(SessionAggregate::new(aggregate, modes, closes)?))
            }),
            ..Step::stateless(
                "session aggregate",
                Input::Step(self.steps.len() - 1),
                output.clone(),
            )
        });
        let unserved = std::mem::take(&mut self.unserved);
        self.serve(unserved);
        Stream::new(Input::Step(self.steps.len() - 1), output)
    }

    /// Both halves of an aggregate whose first key is a pane.
    pub(super) fn window_halves(
        &mut self,
        stream: Stream,
        aggregate: Arc<Aggregate>,
        window: &Window,
    ) -> Stream {
        // A row without a time is in no window, as in Spark; but null is a key as any other.
        let schema = stream.schema.clone();
        let first = schema.fields().first().map_or("", |field| field.name());
        let has_time = Arc::new(IsNotNullExpr::new(column(first, 0)));
        let stream = match window.is_moment {
            true => stream,
            false => stream.then("filter", Filter::new(has_time), schema.clone()),
        };
        let input = Input::Step(self.step(stream, aggregate.has_user_calls()));
        let partial = aggregate.clone();
        self.steps.push(Step {
            make: Arc::new(move |_| {
                Ok(Box::new(
                    PartialAggregate::new(partial.clone())?.of_windows(),
                ))
            }),
            ..Step::stateless("partial aggregate", input, aggregate.state().clone())
        });
        let keys = aggregate.moves_by().collect();
        let output = aggregate.output().clone();
        let (windows, closes) = (window.windows, window.closes);
        let by_clock = window.by_clock;
        self.steps.push(Step {
            exchange: Some(keys),
            stateful: true,
            closes,
            by_clock,
            takes_late: !by_clock,
            make: Arc::new(move |context| {
                let (aggregate, modes) = (aggregate.clone(), context.modes.clone());
                let closes = closes && !context.late_updates;
                Ok(match (context.state_per_batch, windows.is_tumbling()) {
                    (true, true) => Box::new(FinalAggregate::new(aggregate, modes, true)?),
                    (true, false) => {
                        return Err(Error::invalid(
                            "`state: batch` is for windows that do not overlap",
                        ));
                    }
                    (false, _) => {
                        let it = WindowAggregate::new(aggregate, windows, modes, closes)?;
                        match by_clock {
                            true => Box::new(it.by_clock()),
                            false => Box::new(it),
                        }
                    }
                })
            }),
            ..Step::stateless(
                "window aggregate",
                Input::Step(self.steps.len() - 1),
                output.clone(),
            )
        });
        let unserved = std::mem::take(&mut self.unserved);
        self.serve(unserved);
        Stream::new(Input::Step(self.steps.len() - 1), output)
    }
}

/// A key that is a window of event time, whose length only its rows know: another node computed
/// it, or a session.
pub(super) fn window_of_rows(aggregate: &logical_plan::Aggregate) -> Option<&Expr> {
    let schema = aggregate.input.schema();
    aggregate.group_expr.iter().find(|key| {
        let data_type = key.get_type(schema);
        data_type.is_ok_and(|data_type| is_window_type(&data_type))
            && is_event_time(key, &aggregate.input)
    })
}

fn unalias(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => unalias(&alias.expr),
        other => other,
    }
}

/// A gap that is the same for all rows, in microseconds, if it is more than nothing.
fn constant_gap(gap: &Expr) -> Option<i64> {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = gap else {
        return None;
    };
    crate::syntax::interval::micros(text)
        .ok()
        .filter(|gap| *gap > 0)
}

/// The event time of a query's rows, whose columns have these names.
pub(super) fn times(plan: &datafusion_expr::LogicalPlan, names: &[String]) -> Times {
    let names = names.iter().enumerate();
    let columns = names.filter(|(index, _)| index_is(*index, plan));
    Times {
        columns: columns.map(|(_, name)| name.clone()).collect(),
        delay: delay_of(plan),
    }
}
