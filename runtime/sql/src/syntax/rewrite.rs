//! Rewrites what Spark writes otherwise than DataFusion: names without regard
//! to case, literals, generators, operators that are functions.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableAlias, TableFactor, UnaryOperator, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};

use super::generators::{self, Generator};
use super::names::name_of;
use super::spelling::{self, call};
use super::{joins, lateral, literals, times, windows};
use crate::SqlError;

/// Rewrites a query in place.
pub(super) fn rewrite(query: &mut Query) -> Result<(), SqlError> {
    match query.visit(&mut Rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewriter;

type Flow = ControlFlow<SqlError>;

// === impl Rewriter ===

impl VisitorMut for Rewriter {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        if let Err(error) = windows::rewrite_order(query) {
            return Flow::Break(error);
        }
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            lower_alias(&mut cte.alias);
        }
        Flow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        joins::rewrite(select);
        let rewritten = lateral::rewrite(select)
            .and_then(|()| windows::rewrite(select))
            .and_then(|()| name_items(select));
        match rewritten {
            Ok(()) => Flow::Continue(()),
            Err(error) => Flow::Break(error),
        }
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> Flow {
        lower_name(relation);
        Flow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, relation: &mut TableFactor) -> Flow {
        if let TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            alias: Some(alias), ..
        } = relation
        {
            lower_alias(alias);
        }
        Flow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> Flow {
        match rewrite_expression(expression) {
            Ok(()) => Flow::Continue(()),
            Err(error) => Flow::Break(error),
        }
    }
}

fn rewrite_expression(expression: &mut Expr) -> Result<(), SqlError> {
    let rewritten = match expression {
        Expr::Identifier(name) => {
            lower(name);
            None
        }
        Expr::CompoundIdentifier(parts) => {
            parts.iter_mut().for_each(lower);
            None
        }
        Expr::Value(literal) => literals::rewrite(literal),
        Expr::RLike {
            negated,
            expr,
            pattern,
            ..
        } => {
            let mut call = call("rlike", vec![*expr.clone(), *pattern.clone()]);
            match (*negated, &mut call) {
                (false, Expr::Function(function)) => {
                    spelling::rewrite(function)?;
                    Some(call)
                }
                // Below NOT the call is visited as any other.
                _ => Some(not(call)),
            }
        }
        Expr::UnaryOp {
            op: UnaryOperator::BitwiseNot,
            expr,
        } => Some(call("azud_bitwise_not", vec![*expr.clone()])),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => match expr.as_ref() {
            Expr::Value(number) => literals::negative(number),
            _ => None,
        },
        Expr::Extract { field, expr, .. } => {
            let field = field.to_string();
            let part = times::extract(&field, expr);
            Some(part.map_err(|error| error.at(expr.as_ref()))?)
        }
        Expr::Function(function) => spelling::rewrite(function)?,
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            ..
        } => {
            let parts = [substring_from.take(), substring_for.take()];
            let mut arguments = vec![*expr.clone()];
            arguments.extend(parts.into_iter().flatten().map(|part| *part));
            Some(call("substring", arguments))
        }
        _ => None,
    };
    if let Some(rewritten) = rewritten {
        *expression = rewritten;
        if let Expr::Function(function) = expression {
            spelling::whole(function);
        }
    }
    Ok(())
}

/// Gives every item of SELECT the name that Spark gives it, and makes
/// generators those of DataFusion.
fn name_items(select: &mut Select) -> Result<(), SqlError> {
    let items = std::mem::take(&mut select.projection);
    for mut item in items {
        if let Some((generator, aliases, call)) = generator(&item) {
            let names = generator.names(&aliases, &call)?;
            select.projection.extend(generator.items(call, &names)?);
            continue;
        }
        match &mut item {
            SelectItem::UnnamedExpr(Expr::Identifier(_)) => {}
            SelectItem::UnnamedExpr(expression) => {
                let alias = Ident::new(name_of(expression).to_lowercase());
                item = SelectItem::ExprWithAlias {
                    expr: expression.clone(),
                    alias,
                };
            }
            SelectItem::ExprWithAlias { alias, .. } => lower(alias),
            SelectItem::ExprWithAliases { expr, .. } => {
                Generator::of(expr)?;
            }
            SelectItem::QualifiedWildcard(kind, options) => {
                if let SelectItemQualifiedWildcardKind::ObjectName(name) = kind {
                    lower_name(name);
                }
                lower_options(options);
            }
            SelectItem::Wildcard(options) => lower_options(options),
        }
        select.projection.push(item);
    }
    Ok(())
}

fn generator(item: &SelectItem) -> Option<(Generator, Vec<Ident>, Expr)> {
    let (call, aliases) = match item {
        SelectItem::UnnamedExpr(call) => (call, Vec::new()),
        SelectItem::ExprWithAlias { expr, alias } => (expr, vec![alias.clone()]),
        SelectItem::ExprWithAliases { expr, aliases } => (expr, aliases.clone()),
        _ => return None,
    };
    Some((generators::find(call)?, aliases, call.clone()))
}

fn not(expression: Expr) -> Expr {
    Expr::UnaryOp {
        op: UnaryOperator::Not,
        expr: Box::new(expression),
    }
}

fn lower(name: &mut Ident) {
    name.value = name.value.to_lowercase();
}

fn lower_name(name: &mut ObjectName) {
    for part in &mut name.0 {
        if let ObjectNamePart::Identifier(part) = part {
            part.value = part.value.to_lowercase();
        }
    }
}

fn lower_alias(alias: &mut TableAlias) {
    lower(&mut alias.name);
    for column in &mut alias.columns {
        lower(&mut column.name);
    }
}

fn lower_options(options: &mut WildcardAdditionalOptions) {
    if let Some(except) = &mut options.opt_except {
        lower(&mut except.first_element);
        except.additional_elements.iter_mut().for_each(lower);
    }
}
