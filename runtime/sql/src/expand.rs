//! Windows of rows, as Spark's `TimeWindowing` has them: a row is there once for each window that
//! its time is in, and not at all where it has no time.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Field;
use azud_operators::Windows;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, DFSchemaRef, DataFusionError, Result, internal_err};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, UserDefinedLogicalNodeCore,
};

use crate::SqlError;
use crate::functions::{WindowFunction, session_call, window_call, window_type};

/// Why several windows of one row are refused, in Spark's words.
pub(crate) const CARTESIAN: &str = "Multiple time/session window expressions would result in a \
    cartesian product of rows, therefore they are currently not supported";

/// The rows of `input`, each once for each window of its time, which comes behind its columns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Expand {
    pub(crate) input: LogicalPlan,
    /// A timestamp, or a window.
    pub(crate) time: Expr,
    pub(crate) windows: Windows,
    schema: DFSchemaRef,
}

/// Expands rows into the windows that are computed of them. Those that an aggregate groups by
/// alone stay: it makes them of panes.
pub(crate) fn windows_of_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan
        .transform_up(|plan| windows_of(plan).map(Transformed::yes))?
        .data)
}

/// The node, if that is what an extension is.
pub(crate) fn of_extension(extension: &Extension) -> Option<&Expand> {
    extension.node.as_any().downcast_ref()
}

/// The same of one node of a plan.
fn windows_of(plan: LogicalPlan) -> Result<LogicalPlan> {
    let calls = Calls::of(&plan)?;
    if calls.inner.is_empty() && !calls.has_inner_session {
        return Ok(plan);
    }
    let input = match &plan {
        LogicalPlan::Projection(projection) => projection.input.as_ref().clone(),
        LogicalPlan::Filter(filter) => filter.input.as_ref().clone(),
        LogicalPlan::Aggregate(aggregate) => aggregate.input.as_ref().clone(),
        _ if calls.inner.iter().any(is_sliding) => {
            let why = "a row is in several sliding windows: SELECT, WHERE and GROUP BY make a row \
                       of each, and nothing else does";
            let help = "compute them in a subquery: FROM (SELECT window(...) AS w, ... FROM node)";
            return Err(refusal(SqlError::new(why).help(help).about("window")));
        }
        _ => return Ok(plan),
    };
    let sliding = calls.sliding()?;
    let mut input = LogicalPlanBuilder::from(input);
    for time in calls.tumbling_times() {
        input = input.filter(time.is_not_null())?;
    }
    let mut input = input.build()?;
    let columns: Vec<Expr> = input.schema().iter().map(Expr::from).collect();
    let mut replaced: Vec<(Expr, Expr)> = Vec::new();
    if let Some((call, time, windows)) = sliding {
        let expand = Expand::new(input, time, windows)?;
        replaced.push((call, Expr::Column(expand.window())));
        input = LogicalPlan::Extension(Extension {
            node: Arc::new(expand),
        });
    }
    let plan = calls.replace(plan, &replaced)?;
    let plan = plan.with_new_exprs(plan.expressions(), vec![input])?;
    match (&plan, replaced.is_empty()) {
        // It gives the columns that it is given, and the window is for it alone.
        (LogicalPlan::Filter(_), false) => LogicalPlanBuilder::from(plan).project(columns)?.build(),
        _ => Ok(plan),
    }
}

/// The calls of windows in the expressions of a node.
struct Calls {
    /// What an aggregate groups by.
    keys: Vec<Expr>,
    /// Those of other expressions, and of parts of keys.
    inner: Vec<Expr>,
    has_inner_session: bool,
}

// === impl Calls ===

impl Calls {
    fn of(plan: &LogicalPlan) -> Result<Self> {
        let keys = match plan {
            LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().map(unalias).collect(),
            _ => Vec::new(),
        };
        let is_window = |key: &Expr| window_call(key).is_some() || session_call(key).is_some();
        let keys = keys.into_iter().filter(|key| is_window(key)).cloned();
        let mut calls = Self {
            keys: keys.collect(),
            inner: Vec::new(),
            has_inner_session: false,
        };
        plan.apply_expressions(|expression| {
            if calls.keys.contains(unalias(expression)) {
                return Ok(TreeNodeRecursion::Continue);
            }
            expression.apply(|part| {
                if window_call(part).is_some() && !calls.inner.contains(part) {
                    calls.inner.push(part.clone());
                }
                if session_call(part).is_some() {
                    if !calls.keys.contains(part) {
                        return Err(refusal(
                            SqlError::new(
                                "a session is for GROUP BY only: a row alone does not know its own",
                            )
                            .about("session_window"),
                        ));
                    }
                    calls.has_inner_session = true;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(calls)
    }

    /// The one call of sliding windows that rows are expanded by, its time and its windows.
    fn sliding(&self) -> Result<Option<(Expr, Expr, Windows)>> {
        let keys = self.keys.iter().filter(|key| !self.inner.contains(key));
        let all: Vec<&Expr> = self.inner.iter().chain(keys).collect();
        let sliding = all.iter().find(|call| is_sliding(call)).and_then(|call| {
            let (time, windows) = window_call(call)?;
            Some(((*call).clone(), time.clone(), windows))
        });
        match sliding {
            Some(_) if self.inner.is_empty() => Ok(None),
            Some(_) if all.len() > 1 => Err(refusal(
                SqlError::new(CARTESIAN)
                    .help("write a SQL node for each window")
                    .about("window"),
            )),
            found => Ok(found),
        }
    }

    /// The times of tumbling windows, but those of keys: an aggregate drops rows without one.
    fn tumbling_times(&self) -> Vec<Expr> {
        let mut times: Vec<Expr> = Vec::new();
        for call in self.inner.iter().filter(|call| !self.keys.contains(call)) {
            let Some((time, windows)) = window_call(call) else {
                continue;
            };
            if windows.is_tumbling() && !times.contains(time) {
                times.push(time.clone());
            }
        }
        times
    }

    /// Puts other expressions in the place of some, and in that of a session that is not a key
    /// the one that a row alone is in: sessions are put together of states that were made of it.
    fn replace(&self, plan: LogicalPlan, replaced: &[(Expr, Expr)]) -> Result<LogicalPlan> {
        let names = NamePreserver::new(&plan);
        let changed = plan.map_expressions(|expression| {
            let name = names.save(&expression);
            let is_key = self.keys.contains(unalias(&expression));
            let changed = expression.transform_down(|part| {
                let other = replaced.iter().find(|(call, _)| *call == part);
                let other = other.map(|(_, column)| column.clone());
                let other = other.or_else(|| match session_call(&part) {
                    Some((time, gap)) if !is_key => Some(alone(time, gap)),
                    _ => None,
                });
                Ok(match other {
                    Some(other) => Transformed::new(other, true, TreeNodeRecursion::Jump),
                    None => Transformed::no(part),
                })
            })?;
            Ok(changed.update_data(|expression| name.restore(expression)))
        })?;
        Ok(changed.data)
    }
}

fn is_sliding(call: &Expr) -> bool {
    window_call(call).is_some_and(|(_, windows)| !windows.is_tumbling())
}

/// The session that a row alone is in.
fn alone(time: &Expr, gap: &Expr) -> Expr {
    let end = WindowFunction::session_end(time.clone(), gap.clone());
    WindowFunction::between(WindowFunction::time(time.clone()), end)
}

fn unalias(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => unalias(&alias.expr),
        other => other,
    }
}

fn refusal(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

// === impl Expand ===

impl Expand {
    fn new(input: LogicalPlan, time: Expr, windows: Windows) -> Result<Self> {
        let mut name = "window".to_owned();
        while input.schema().has_column_with_unqualified_name(&name) {
            name.push('_');
        }
        let window = Field::new(name, window_type(), true);
        let window = DFSchema::from_unqualified_fields(vec![window].into(), HashMap::new())?;
        Ok(Self {
            schema: Arc::new(input.schema().join(&window)?),
            input,
            time,
            windows,
        })
    }

    /// The column of windows.
    fn window(&self) -> Column {
        let last = self.schema.iter().last();
        last.map_or_else(|| Column::from_name("window"), Column::from)
    }
}

impl PartialOrd for Expand {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let order = match self.input.partial_cmp(&other.input) {
            Some(Ordering::Equal) => self.time.partial_cmp(&other.time),
            order => order,
        };
        order.filter(|order| *order != Ordering::Equal || self == other)
    }
}

impl UserDefinedLogicalNodeCore for Expand {
    fn name(&self) -> &str {
        "Expand"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.time.clone()]
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::from([self.window().name])
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(UserDefinedLogicalNodeCore::name(self))
    }

    fn with_exprs_and_inputs(&self, times: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (
            <[Expr; 1]>::try_from(times),
            <[LogicalPlan; 1]>::try_from(inputs),
        ) {
            (Ok([time]), Ok([input])) => Self::new(input, time, self.windows),
            _ => internal_err!("{} has one time and one input", self.name()),
        }
    }
}
