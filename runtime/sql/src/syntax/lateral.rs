//! `LATERAL VIEW explode(list) v AS element` as a subquery that explodes.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr, Ident, LateralView, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor,
    VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::generators::Generator;
use super::scope::plain;
use crate::SqlError;

/// Makes each lateral view a subquery around FROM: all columns, and the new ones.
pub(super) fn rewrite(select: &mut Select) -> Result<(), SqlError> {
    for view in std::mem::take(&mut select.lateral_views) {
        let names = Generator::of(&view.lateral_view)?
            .names(&view.lateral_col_alias, &view.lateral_view)?;
        wrap(select, &view, &names)?;
        // The view's name is gone: its columns are those of the subquery.
        let mut unqualify = Unqualify(plain(&view.lateral_view_name).to_lowercase());
        let _: ControlFlow<()> = select.visit(&mut unqualify);
    }
    Ok(())
}

fn wrap(select: &mut Select, view: &LateralView, names: &[String]) -> Result<(), SqlError> {
    let [from] = select.from.as_mut_slice() else {
        return Err(
            SqlError::new("LATERAL VIEW needs exactly one table in FROM").at(&view.lateral_view),
        );
    };
    let known_as = match &from.relation {
        TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            alias: Some(alias), ..
        } => alias.name.clone(),
        TableFactor::Table { name, .. } => {
            let name = plain(name);
            Ident::new(name.rsplit('.').next().unwrap_or_default())
        }
        _ => Ident::new("lateral"),
    };
    let mut inner = select.clone();
    inner.projection = vec![
        SelectItem::Wildcard(WildcardAdditionalOptions::default()),
        SelectItem::ExprWithAliases {
            expr: outer_if(view.outer, view.lateral_view.clone()),
            aliases: names.iter().map(Ident::new).collect(),
        },
    ];
    inner.lateral_views = Vec::new();
    inner.selection = None;
    inner.having = None;
    inner.distinct = None;
    inner.group_by = datafusion_sql::sqlparser::ast::GroupByExpr::Expressions(vec![], vec![]);
    if let [from] = select.from.as_mut_slice() {
        from.relation = TableFactor::Derived {
            lateral: false,
            subquery: Box::new(query(inner)),
            alias: Some(TableAlias {
                explicit: true,
                name: known_as,
                columns: Vec::new(),
                at: None,
            }),
            sample: None,
        };
    }
    Ok(())
}

fn outer_if(outer: bool, mut call: Expr) -> Expr {
    if let (true, Expr::Function(function)) = (outer, &mut call) {
        let name = function.name.to_string().to_lowercase();
        if !name.ends_with("_outer") {
            function.name = vec![Ident::new(format!("{name}_outer"))].into();
        }
    }
    call
}

fn query(select: Select) -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// `v.element` as `element`.
struct Unqualify(String);

impl VisitorMut for Unqualify {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expression
            && parts
                .first()
                .is_some_and(|part| part.value.eq_ignore_ascii_case(&self.0))
        {
            parts.remove(0);
            if let [only] = parts.as_slice() {
                *expression = Expr::Identifier(only.clone());
            }
        }
        ControlFlow::Continue(())
    }
}
