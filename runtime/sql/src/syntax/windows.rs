//! `window(time, '10 seconds')` in GROUP BY, and `window.start` beside it, as calls that the
//! planner knows.

use std::ops::ControlFlow;

use azud_operators::Windows;
use datafusion_sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, Value, Visit, VisitMut,
    Visitor, VisitorMut,
};

use super::interval;
use super::literals::unescape;
use crate::SqlError;
use crate::expand::CARTESIAN;
use crate::functions::{SESSION, WINDOW};

/// In so many windows a row can be: each is a row of the result, and that for every key.
const MOST_WINDOWS: i64 = 10_000;

/// What Spark calls the column of windows.
const COLUMN: &str = "window";

/// What it calls the column of sessions.
const SESSION_COLUMN: &str = "session_window";

/// Rewrites the calls of a SELECT, and in one that groups by windows the names that mean them.
pub(super) fn rewrite(select: &mut Select) -> Result<(), SqlError> {
    let mut calls = Calls::default();
    each(select, &mut calls)?;
    let Some(key) = grouping(select, &calls.found)? else {
        return Ok(());
    };
    // What goes in is named by its own columns: one of them may be a `window`, too.
    let mut names = Names::of(key);
    name_items(select, &names.key, names.column);
    let named = VisitMut::visit(&mut select.projection, &mut names);
    let named = match named {
        ControlFlow::Continue(()) => VisitMut::visit(&mut select.having, &mut names),
        ControlFlow::Break(error) => ControlFlow::Break(error),
    };
    match named {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// What ORDER BY names is what its SELECT groups by.
pub(super) fn rewrite_order(query: &mut Query) -> Result<(), SqlError> {
    let (SetExpr::Select(select), Some(order)) = (query.body.as_ref(), &mut query.order_by) else {
        return Ok(());
    };
    let mut select = select.clone();
    let mut calls = Calls::default();
    each(&mut select, &mut calls)?;
    let Some(key) = grouping(&select, &calls.found)? else {
        return Ok(());
    };
    let visited = VisitMut::visit(order, &mut Calls::default());
    let mut names = Names::of(key);
    let visited = match visited {
        ControlFlow::Continue(()) => VisitMut::visit(order, &mut names),
        stopped => stopped,
    };
    match visited {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// The window that a SELECT groups by.
fn grouping(select: &Select, calls: &[Expr]) -> Result<Option<Expr>, SqlError> {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else {
        return Ok(None);
    };
    let mut found: Option<&Expr> = None;
    for key in keys {
        let call = calls.iter().find(|call| *call == key);
        match (call, found) {
            (Some(call), None) => found = Some(call),
            (Some(call), Some(other)) if call != other => {
                return Err(SqlError::new(CARTESIAN)
                    .help("write a SQL node for each window")
                    .at(key));
            }
            _ => {}
        }
    }
    Ok(found.cloned())
}

/// `SELECT window` is a column of that name.
fn name_items(select: &mut Select, key: &Expr, column: &str) {
    for item in &mut select.projection {
        let is_window = |expression: &Expr| {
            let named = matches!(expression, Expr::Identifier(name) if name.value.eq_ignore_ascii_case(column));
            named || expression == key
        };
        if let SelectItem::UnnamedExpr(expression) = item
            && is_window(expression)
        {
            *item = SelectItem::ExprWithAlias {
                expr: key.clone(),
                alias: Ident::new(column),
            };
        }
    }
}

/// Visits the expressions of a SELECT, not those of subqueries in FROM.
fn each<V: VisitorMut<Break = SqlError>>(
    select: &mut Select,
    visitor: &mut V,
) -> Result<(), SqlError> {
    let visited = (|| {
        VisitMut::visit(&mut select.projection, visitor)?;
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            VisitMut::visit(&mut join.join_operator, visitor)?;
        }
        VisitMut::visit(&mut select.selection, visitor)?;
        VisitMut::visit(&mut select.group_by, visitor)?;
        VisitMut::visit(&mut select.having, visitor)
    })();
    match visited {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Gives calls the name and the arguments that the planner knows.
#[derive(Default)]
struct Calls {
    found: Vec<Expr>,
}

impl VisitorMut for Calls {
    type Break = SqlError;

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<SqlError> {
        let place = expression.clone();
        if let Expr::CompoundFieldAccess { access_chain, .. } = expression {
            for access in access_chain {
                if let AccessExpr::Dot(Expr::Identifier(name)) = access {
                    *access = part_of(&name.clone());
                }
            }
            return ControlFlow::Continue(());
        }
        let Expr::Function(function) = expression else {
            return ControlFlow::Continue(());
        };
        let name = function.name.to_string();
        let planned = match name.as_str() {
            name if name.eq_ignore_ascii_case(COLUMN) => planned(function),
            name if name.eq_ignore_ascii_case(SESSION_COLUMN) => session(function),
            _ => return ControlFlow::Continue(()),
        };
        if let Err(error) = planned {
            return ControlFlow::Break(error.at(&place));
        }
        self.found.push(expression.clone());
        ControlFlow::Continue(())
    }
}

/// Rewrites a call of `window`.
fn planned(function: &mut Function) -> Result<(), SqlError> {
    let wrong = || {
        SqlError::new("window takes a time and up to three lengths")
            .help("write window(ts, '10 seconds') or window(ts, '10 seconds', '5 seconds')")
    };
    let arguments = arguments(function).ok_or_else(wrong)?;
    let (time, lengths) = arguments.split_first().ok_or_else(wrong)?;
    let lengths = lengths.iter().map(length).collect::<Result<Vec<_>, _>>()?;
    let (size, slide, start) = match lengths.as_slice() {
        [size] => (*size, *size, 0),
        [size, slide] => (*size, *slide, 0),
        [size, slide, start] => (*size, *slide, *start),
        _ => return Err(wrong()),
    };
    Windows::new(size, slide, start).map_err(|error| SqlError::new(error.to_string()))?;
    if size / slide > MOST_WINDOWS {
        return Err(SqlError::new(format!(
            "a row would be in {} windows, and at most {MOST_WINDOWS} are allowed",
            size / slide
        ))
        .help("write a longer slide"));
    }
    let lengths = format!("{size} {slide} {start}");
    let lengths = Expr::Value(Value::SingleQuotedString(lengths).into());
    call(function, WINDOW, [time.clone(), lengths]);
    Ok(())
}

/// Rewrites a call of `session_window`.
fn session(function: &mut Function) -> Result<(), SqlError> {
    let wrong = || {
        SqlError::new("session_window takes a time and a gap")
            .help("write session_window(ts, '5 minutes')")
    };
    let arguments = arguments(function).ok_or_else(wrong)?;
    let [time, gap] = arguments.as_slice() else {
        return Err(wrong());
    };
    let gap = match gap {
        Expr::Value(_) | Expr::Interval(_) => {
            let gap = format!("{} microseconds", length(gap)?);
            Expr::Value(Value::SingleQuotedString(gap).into())
        }
        // One for each row.
        other => other.clone(),
    };
    call(function, SESSION, [time.clone(), gap]);
    Ok(())
}

fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.clone()),
        _ => None,
    });
    arguments.collect()
}

/// Gives a call another name and other arguments.
fn call(function: &mut Function, name: &str, arguments: [Expr; 2]) {
    let mut name = Ident::new(name);
    if let Some(old) = function.name.0.first().and_then(ObjectNamePart::as_ident) {
        name.span = old.span;
    }
    function.name = ObjectName::from(vec![name]);
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = arguments
            .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
            .into();
    }
}

/// Whether a call that was rewritten is one of sessions.
fn is_session(call: &Expr) -> bool {
    matches!(call, Expr::Function(function) if function.name.to_string() == SESSION)
}

/// A length in microseconds: `'10 seconds'`, a number of them, or `INTERVAL '10' SECONDS`.
fn length(expression: &Expr) -> Result<i64, SqlError> {
    let text = match expression {
        Expr::Value(literal) => match &literal.value {
            Value::SingleQuotedString(text) => Some(unescape(text, '\'')),
            Value::DoubleQuotedString(text) => Some(unescape(text, '"')),
            Value::Number(micros, _) => Some(format!("{micros} microseconds")),
            _ => None,
        },
        Expr::Interval(interval) => Some(interval.to_string()),
        _ => None,
    };
    let micros = text.as_deref().map(interval::micros);
    match micros {
        Some(Ok(micros)) => Ok(micros),
        Some(Err(why)) => Err(SqlError::new(why).at(expression)),
        None => Err(SqlError::new("a window's length is a constant")
            .help("write it in quotes: '10 seconds'")
            .at(expression)),
    }
}

/// `window` and its parts as what the SELECT groups by.
struct Names {
    key: Expr,
    column: &'static str,
}

impl VisitorMut for Names {
    type Break = SqlError;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<SqlError> {
        let named = match expression {
            Expr::Identifier(name) if self.is_column(name) => Some(self.key.clone()),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [first, parts @ ..] if self.is_column(first) => Some(Expr::CompoundFieldAccess {
                    root: Box::new(self.key.clone()),
                    access_chain: parts.iter().map(part_of).collect(),
                }),
                _ => None,
            },
            _ => None,
        };
        if let Some(named) = named
            && !mentions(&self.key, expression)
        {
            *expression = named;
        }
        ControlFlow::Continue(())
    }
}

/// `.start`, as the planner wants to be told it.
fn part_of(name: &Ident) -> AccessExpr {
    let mut part = Value::SingleQuotedString(name.value.clone()).with_empty_span();
    part.span = name.span;
    AccessExpr::Dot(Expr::Value(part))
}

impl Names {
    fn of(key: Expr) -> Self {
        let column = match is_session(&key) {
            true => SESSION_COLUMN,
            false => COLUMN,
        };
        Self { key, column }
    }

    fn is_column(&self, name: &Ident) -> bool {
        name.value.eq_ignore_ascii_case(self.column)
    }
}

/// Whether a part of the window's own call is named: `window(window, '1 hour')`.
fn mentions(call: &Expr, expression: &Expr) -> bool {
    struct Find<'a>(&'a Expr);
    impl Visitor for Find<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression == self.0 {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(call, &mut Find(expression)).is_break()
}
