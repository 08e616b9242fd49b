//! What cannot stream, or not yet: refused by name, with the reason and what to write instead.

use std::ops::ControlFlow;

use azud_model::ColumnType;

use datafusion_sql::sqlparser::ast::{
    Distinct, DuplicateTreatment, Expr, Function, FunctionArgumentClause, FunctionArguments,
    GroupByExpr, ObjectNamePart, Query, Select, SelectItem, SetExpr, SetOperator, SetQuantifier,
    TableFactor, Visit, Visitor,
};

use datafusion_sql::sqlparser::tokenizer::Span;

use super::{deduplicate, generators, joins};
use crate::SqlError;
use crate::functions::{Functions, is_later};
use crate::nearest::nearest;

const LATER: &str = "not in this version yet";

/// Refuses what the query must not contain; what joins can be of a query that reads tables is
/// known once it is planned.
pub(crate) fn refuse(
    query: &Query,
    functions: &Functions,
    reads_static: bool,
) -> Result<(), SqlError> {
    let mut refuser = Refuser {
        functions,
        reads_static,
    };
    match query.visit(&mut refuser) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Refuser<'a> {
    functions: &'a Functions,
    reads_static: bool,
}

type Flow = ControlFlow<SqlError>;

fn flow(result: Result<(), SqlError>) -> Flow {
    match result {
        Ok(()) => Flow::Continue(()),
        Err(error) => Flow::Break(error),
    }
}

// === impl Refuser ===

impl Visitor for Refuser<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        flow(refuse_query(query))
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        flow(refuse_select(select, self.reads_static))
    }

    fn pre_visit_table_factor(&mut self, relation: &TableFactor) -> Flow {
        flow(refuse_relation(relation))
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> Flow {
        flow(match expression {
            Expr::Function(function) => self.refuse_function(function, expression),
            Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
                Err(SqlError::new(format!(
                    "a subquery inside an expression is a join of streams, {LATER}"
                ))
                .help("a subquery can stand in FROM, and LEFT SEMI JOIN is what IN and EXISTS mean")
                .at(expression))
            }
            Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => Err(SqlError::new(
                "GROUPING SETS, CUBE and ROLLUP cannot stream",
            )
            .help("write a SQL node for each grouping, and UNION ALL")
            .at(expression)),
            Expr::Cast { data_type, .. } => {
                match data_type.to_string().to_lowercase().parse::<ColumnType>() {
                    Ok(_) => Ok(()),
                    Err(error) => Err(SqlError::new(error.to_string()).at(expression)),
                }
            }
            Expr::Overlay { expr, .. } => {
                Err(SqlError::new(format!("function `overlay` is {LATER}")).at(expr.as_ref()))
            }
            Expr::Lambda(_) => {
                Err(SqlError::new(format!("lambda functions are {LATER}")).at(expression))
            }
            _ => Ok(()),
        })
    }
}

impl Refuser<'_> {
    fn refuse_function(&self, function: &Function, at: &Expr) -> Result<(), SqlError> {
        if function.over.is_some() {
            return Err(SqlError::new(
                "Non-time-based windows are not supported on streaming DataFrames/Datasets: \
                 OVER (...) needs all rows at once",
            )
            .help("use GROUP BY")
            .at(at));
        }
        if let FunctionArguments::List(list) = &function.args {
            if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
                return Err(SqlError::new(
                    "Distinct aggregations are not supported on streaming DataFrames/Datasets",
                )
                .help("use approx_count_distinct")
                .at(at));
            }
            for clause in &list.clauses {
                if matches!(clause, FunctionArgumentClause::OrderBy(_)) {
                    return Err(
                        SqlError::new("the rows of a stream have no order to sort by")
                            .help("leave ORDER BY out of the function")
                            .at(at),
                    );
                }
            }
        }
        let name = function.name.to_string().to_lowercase();
        let name = name.trim_matches('`');
        if generators::find(at).is_some() {
            return Ok(());
        }
        let ident = function.name.0.first().and_then(ObjectNamePart::as_ident);
        let span = ident.map_or(Span::empty(), |ident| ident.span);
        let bare = match &function.args {
            FunctionArguments::List(list) => list.args.is_empty(),
            _ => true,
        };
        if let Some(reason) = not_yet(name, bare) {
            return Err(SqlError::new(format!("{name}() is {LATER}: {reason}")).at_span(span));
        }
        // A key of GROUP BY, which no row has a value of.
        if name == "session_window" || self.functions.contains(name) {
            return Ok(());
        }
        if is_later(name) {
            return Err(SqlError::new(format!("function `{name}` is {LATER}")).at_span(span));
        }
        let error = SqlError::new(format!("there is no function `{name}`")).at_span(span);
        Err(match nearest(name, self.functions.names()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        })
    }
}

/// Functions of Spark that have to wait, and why; `bare`: without arguments.
fn not_yet(name: &str, bare: bool) -> Option<&'static str> {
    Some(match name {
        "current_time" | "curdate" | "localtimestamp" | "current_timezone" => {
            "time comes through the epoch, so that a run can be repeated"
        }
        "unix_timestamp" if bare => "time comes through the epoch, so that a run can be repeated",
        "rand" | "random" | "randn" | "uuid" | "shuffle" | "randstr" | "uniform" => {
            "randomness comes through the epoch, so that a run can be repeated"
        }
        "monotonically_increasing_id" | "spark_partition_id" | "input_file_name" => {
            "it has no meaning that could be repeated"
        }
        "stack" | "inline" | "inline_outer" | "json_tuple" => {
            "of the generators there are explode and posexplode"
        }
        _ => return None,
    })
}

fn refuse_query(query: &Query) -> Result<(), SqlError> {
    if let Some(with) = query.with.as_ref().filter(|with| with.recursive) {
        return Err(SqlError::new("a recursive query never ends on a stream").at(with));
    }
    if let Some(fetch) = &query.fetch {
        return Err(SqlError::new("FETCH is not Spark's")
            .help("write LIMIT")
            .at(fetch));
    }
    if let Some(limit) = &query.limit_clause {
        flow_result(limit.visit(&mut Constant))?;
    }
    if !query.pipe_operators.is_empty() {
        return Err(
            SqlError::new(format!("|> is {LATER}")).help("write SELECT ... FROM (SELECT ...)")
        );
    }
    refuse_body(&query.body)
}

/// Refuses columns.
struct Constant;

impl Visitor for Constant {
    type Break = SqlError;

    fn pre_visit_expr(&mut self, expression: &Expr) -> Flow {
        flow(match expression {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                Err(SqlError::new("LIMIT and OFFSET take a constant").at(expression))
            }
            _ => Ok(()),
        })
    }
}

fn refuse_body(body: &SetExpr) -> Result<(), SqlError> {
    match body {
        SetExpr::SetOperation {
            op,
            set_quantifier,
            left,
            right,
        } => {
            let what = match (op, set_quantifier) {
                (
                    SetOperator::Union,
                    SetQuantifier::All | SetQuantifier::None | SetQuantifier::Distinct,
                ) => {
                    refuse_body(left)?;
                    return refuse_body(right);
                }
                (SetOperator::Union, _) => "UNION BY NAME",
                (SetOperator::Except | SetOperator::Minus, _) => "EXCEPT",
                (SetOperator::Intersect, _) => "INTERSECT",
            };
            let why = match op {
                SetOperator::Union => "is not in this version yet".to_owned(),
                _ => "is not supported on streaming DataFrames/Datasets: it needs all rows of both sides".to_owned(),
            };
            Err(SqlError::new(format!("{what} {why}")).at(right.as_ref()))
        }
        SetExpr::Values(values) => Err(SqlError::new("VALUES is no stream")
            .help("read a node: SELECT ... FROM node")
            .at(values)),
        SetExpr::Select(_) | SetExpr::Query(_) => Ok(()),
        other => Err(SqlError::new("a SQL node is a SELECT").at(other)),
    }
}

fn refuse_select(select: &Select, reads_static: bool) -> Result<(), SqlError> {
    if select.from.is_empty() {
        return Err(SqlError::new("the query reads no node")
            .help("write SELECT ... FROM node")
            .at(select));
    }
    let mut joins = select.from.iter().flat_map(|from| &from.joins);
    joins.try_for_each(|join| joins::refuse(join, reads_static))?;
    if let Some(Distinct::On(on)) = &select.distinct
        && !deduplicate::is_rewritten(on)
    {
        let error = SqlError::new("DISTINCT ON is not Spark's")
            .help("write FROM dropDuplicates(node, column, ...)");
        return Err(match on.first() {
            Some(on) => error.at(on),
            None => error,
        });
    }
    if let Some(order) = select.sort_by.first() {
        return Err(
            SqlError::new("SORT BY cannot stream: a stream has no last row to wait for").at(order),
        );
    }
    if let Some(by) = select.cluster_by.first().or(select.distribute_by.first()) {
        return Err(
            SqlError::new("lanes are filled by key, not by CLUSTER BY or DISTRIBUTE BY")
                .help("leave it out")
                .at(by),
        );
    }
    if let Some(qualify) = &select.qualify {
        return Err(
            SqlError::new("QUALIFY needs OVER (...), which needs all rows at once").at(qualify),
        );
    }
    if let GroupByExpr::Expressions(_, modifiers) | GroupByExpr::All(modifiers) = &select.group_by
        && !modifiers.is_empty()
    {
        return Err(
            SqlError::new("GROUPING SETS, CUBE and ROLLUP cannot stream")
                .help("write a SQL node for each grouping, and UNION ALL")
                .at(&select.group_by),
        );
    }
    refuse_generators(select)
}

/// One generator a SELECT, at the top of an item, and no grouping beside it.
fn refuse_generators(select: &Select) -> Result<(), SqlError> {
    let mut seen = false;
    for item in &select.projection {
        let (SelectItem::UnnamedExpr(expression)
        | SelectItem::ExprWithAlias {
            expr: expression, ..
        }
        | SelectItem::ExprWithAliases {
            expr: expression, ..
        }) = item
        else {
            continue;
        };
        if generators::find(expression).is_none() {
            refuse_nested_generator(expression)?;
            continue;
        }
        let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
        if seen || grouped {
            let what = match grouped {
                true => "explode cannot stand beside GROUP BY",
                false => "a SELECT can have one explode only",
            };
            return Err(SqlError::new(what)
                .help("explode in a subquery: SELECT ... FROM (SELECT explode(...) AS element FROM node)")
                .at(expression));
        }
        seen = true;
    }
    let clauses = [&select.selection, &select.having];
    clauses
        .into_iter()
        .flatten()
        .try_for_each(refuse_nested_generator)?;
    if let GroupByExpr::Expressions(by, _) = &select.group_by {
        by.iter().try_for_each(refuse_nested_generator)?;
    }
    Ok(())
}

fn refuse_nested_generator(expression: &Expr) -> Result<(), SqlError> {
    struct Find;
    impl Visitor for Find {
        type Break = SqlError;
        fn pre_visit_expr(&mut self, expression: &Expr) -> Flow {
            match generators::find(expression) {
                None => Flow::Continue(()),
                Some(_) => Flow::Break(
                    SqlError::new("explode makes rows, so it cannot stand inside an expression")
                        .help("explode in a subquery: SELECT ... FROM (SELECT explode(...) AS element FROM node)")
                        .at(expression),
                ),
            }
        }
    }
    flow_result(expression.visit(&mut Find))
}

fn flow_result(flow: Flow) -> Result<(), SqlError> {
    match flow {
        Flow::Continue(()) => Ok(()),
        Flow::Break(error) => Err(error),
    }
}

fn refuse_relation(relation: &TableFactor) -> Result<(), SqlError> {
    match relation {
        TableFactor::Table {
            args: None,
            sample: None,
            version: None,
            ..
        }
        | TableFactor::Derived {
            lateral: false,
            sample: None,
            ..
        } => Ok(()),
        TableFactor::NestedJoin { .. } => Err(SqlError::new("joins in brackets are not read")
            .help("join in a subquery: FROM (SELECT ... FROM a JOIN b ON ...) AS ab")
            .at(relation)),
        TableFactor::Table {
            sample: Some(_), ..
        } => Err(
            SqlError::new("TABLESAMPLE draws at random, so that a run could not be repeated")
                .at(relation),
        ),
        other => Err(SqlError::new("FROM takes nodes and subqueries").at(other)),
    }
}
