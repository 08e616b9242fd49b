//! `FROM dropDuplicates(node, column, ...)`: Spark has it as a method of tables only, and SQL has
//! no word for it. It becomes a subquery that the planner can read.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Distinct, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, Select, SetExpr,
    Spanned as _, Statement, TableAlias, TableFactor, Value, VisitMut, VisitorMut,
};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;

use crate::SqlError;
use crate::deduplicate::{DROP_DUPLICATES, WITHIN_WATERMARK};

/// Rewrites all calls of a query.
pub(super) fn rewrite(query: &mut Query) -> Result<(), SqlError> {
    match VisitMut::visit(query, &mut Calls) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Whether a DISTINCT ON is one of ours.
pub(super) fn is_rewritten(on: &[Expr]) -> bool {
    let first = on.first();
    first.is_some_and(|first| name_of(first).is_some())
}

fn name_of(first: &Expr) -> Option<&'static str> {
    let Expr::Value(value) = first else {
        return None;
    };
    let Value::SingleQuotedString(text) = &value.value else {
        return None;
    };
    known(text)
}

fn known(name: &str) -> Option<&'static str> {
    let names = [DROP_DUPLICATES, WITHIN_WATERMARK];
    names
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

struct Calls;

impl VisitorMut for Calls {
    type Break = SqlError;

    fn post_visit_table_factor(&mut self, relation: &mut TableFactor) -> ControlFlow<SqlError> {
        let place = relation.span();
        match rewritten(relation) {
            Ok(None) => {}
            Ok(Some(new)) => *relation = new,
            Err(error) => return ControlFlow::Break(error.at_span(place)),
        }
        ControlFlow::Continue(())
    }
}

fn rewritten(relation: &TableFactor) -> Result<Option<TableFactor>, SqlError> {
    let TableFactor::Table {
        name,
        alias,
        args: Some(arguments),
        ..
    } = relation
    else {
        return Ok(None);
    };
    let Some(function) = known(&name.to_string()) else {
        return Ok(None);
    };
    let wrong = || {
        SqlError::new(format!("{function} takes a node and columns of it"))
            .help(format!("write FROM {function}(node, column, ...)"))
    };
    let mut names = Vec::new();
    for argument in &arguments.args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) = argument else {
            return Err(wrong());
        };
        names.push(expression.clone());
    }
    let Some((table, columns)) = names.split_first() else {
        return Err(wrong());
    };
    let table: Vec<Ident> = match table {
        Expr::Identifier(name) => vec![name.clone()],
        Expr::CompoundIdentifier(parts) => parts.clone(),
        _ => return Err(wrong()),
    };
    if !columns
        .iter()
        .all(|column| matches!(column, Expr::Identifier(_)))
    {
        return Err(wrong());
    }
    let mut on = vec![Expr::value(Value::SingleQuotedString(function.to_owned()))];
    on.extend(columns.iter().cloned());
    let last = table.last().cloned();
    let mut query = template()?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        read(select, ObjectName::from(table), on);
    }
    Ok(Some(TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: alias.clone().or_else(|| last.map(named)),
        sample: None,
    }))
}

fn read(select: &mut Select, table: ObjectName, on: Vec<Expr>) {
    select.distinct = Some(Distinct::On(on));
    if let Some(from) = select.from.first_mut()
        && let TableFactor::Table { name, .. } = &mut from.relation
    {
        *name = table;
    }
}

fn named(name: Ident) -> TableAlias {
    TableAlias {
        explicit: true,
        name,
        columns: Vec::new(),
        at: None,
    }
}

/// A query of all columns of one table.
fn template() -> Result<Query, SqlError> {
    let parsed = Parser::parse_sql(&GenericDialect {}, "SELECT * FROM t");
    let parsed = parsed.map_err(|error| SqlError::from_parser(&error))?;
    match parsed.into_iter().next() {
        Some(Statement::Query(query)) => Ok(*query),
        _ => Err(SqlError::new("a query of one table is none")),
    }
}
