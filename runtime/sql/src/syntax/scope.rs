//! Which tables a query reads, and what its columns are called.

use datafusion_sql::sqlparser::ast::{
    Ident, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    TableAlias, TableFactor, WildcardAdditionalOptions,
};

use super::generators::{self, Generator};
use super::joins;
use super::names::name_of;
use crate::nearest::nearest;
use crate::{SqlError, Tables};

/// The names of the nodes that a query reads, in the order in which it names them.
pub(crate) fn tables_of(query: &Query) -> Vec<String> {
    let mut found = Vec::new();
    collect(query, &mut Vec::new(), &mut found);
    found
}

fn collect(query: &Query, hidden: &mut Vec<String>, found: &mut Vec<String>) {
    let depth = hidden.len();
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        collect(&cte.query, hidden, found);
        hidden.push(cte.alias.name.value.to_lowercase());
    }
    collect_from_body(&query.body, hidden, found);
    hidden.truncate(depth);
}

fn collect_from_body(body: &SetExpr, hidden: &mut Vec<String>, found: &mut Vec<String>) {
    match body {
        SetExpr::Query(query) => collect(query, hidden, found),
        SetExpr::SetOperation { left, right, .. } => {
            collect_from_body(left, hidden, found);
            collect_from_body(right, hidden, found);
        }
        SetExpr::Select(select) => {
            for from in &select.from {
                let joined = from.joins.iter().map(|join| &join.relation);
                for relation in std::iter::once(&from.relation).chain(joined) {
                    match relation {
                        TableFactor::Derived { subquery, .. } => collect(subquery, hidden, found),
                        TableFactor::Table { name, .. } => {
                            let name = plain(name);
                            if !hidden.contains(&name.to_lowercase()) && !found.contains(&name) {
                                found.push(name);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        _ => {}
    }
}

/// `a.b` without quotes.
pub(super) fn plain(name: &ObjectName) -> String {
    let parts: Vec<_> = name
        .0
        .iter()
        .map(|part| {
            part.as_ident()
                .map_or_else(String::new, |part| part.value.clone())
        })
        .collect();
    parts.join(".")
}

/// The node that a name means: the same name, or else the one that differs only in case.
pub(super) fn find<'a>(tables: &'a Tables, name: &str) -> Option<&'a str> {
    if let Some((name, _)) = tables.get_key_value(name) {
        return Some(name);
    }
    let mut alike = tables
        .keys()
        .filter(|other| other.eq_ignore_ascii_case(name));
    match (alike.next(), alike.next()) {
        (Some(name), None) => Some(name),
        _ => None,
    }
}

/// The names of columns, query by query.
pub(crate) struct Scope<'a> {
    tables: &'a Tables,
    ctes: Vec<(String, Vec<String>)>,
}

/// A relation of FROM.
struct Relation {
    /// Its name in the query, in lower case.
    name: String,
    columns: Vec<String>,
    /// Columns of USING, which `*` gives once.
    hidden: Vec<String>,
}

impl Relation {
    fn new(name: &str, columns: Vec<String>) -> Self {
        Self {
            name: name.to_lowercase(),
            columns,
            hidden: Vec::new(),
        }
    }

    fn shown(&self) -> impl Iterator<Item = String> {
        let hidden = |column: &&String| {
            let mut hidden = self.hidden.iter();
            hidden.any(|hidden| hidden.eq_ignore_ascii_case(column))
        };
        let columns = self.columns.iter();
        columns.filter(move |column| !hidden(column)).cloned()
    }
}

// === impl Scope ===

impl<'a> Scope<'a> {
    pub(crate) fn new(tables: &'a Tables) -> Self {
        Self {
            tables,
            ctes: Vec::new(),
        }
    }

    /// The names of a query's columns as Spark shows them.
    pub(crate) fn output_names(&mut self, query: &Query) -> Result<Vec<String>, SqlError> {
        let depth = self.ctes.len();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let names = self.output_names(&cte.query)?;
            let names = renamed(names, Some(&cte.alias));
            self.ctes.push((cte.alias.name.value.to_lowercase(), names));
        }
        let names = self.body_names(&query.body);
        self.ctes.truncate(depth);
        names
    }

    fn body_names(&mut self, body: &SetExpr) -> Result<Vec<String>, SqlError> {
        match body {
            SetExpr::Query(query) => self.output_names(query),
            SetExpr::SetOperation { left, right, .. } => {
                let names = self.body_names(left)?;
                self.body_names(right)?;
                Ok(names)
            }
            SetExpr::Select(select) => self.select_names(select),
            other => Err(SqlError::new("a SQL node is a SELECT").at(other)),
        }
    }

    fn select_names(&mut self, select: &Select) -> Result<Vec<String>, SqlError> {
        let mut relations = Vec::new();
        for from in &select.from {
            let first = relations.len();
            relations.push(self.relation(&from.relation)?);
            for join in &from.joins {
                let mut right = self.relation(&join.relation)?;
                right.hidden = joins::using(join);
                let before = relations.get(first..).unwrap_or_default();
                let before = before.iter().flat_map(|left| left.columns.iter());
                joins::check_star(select, join, &right.hidden, before)?;
                if joins::is_semi(join) {
                    continue;
                }
                relations.push(right);
            }
        }
        for view in &select.lateral_views {
            let generator = Generator::of(&view.lateral_view)?;
            let columns = generator.names(&view.lateral_col_alias, &view.lateral_view)?;
            relations.push(Relation::new(&plain(&view.lateral_view_name), columns));
        }
        let mut names: Vec<String> = Vec::new();
        for item in &select.projection {
            for name in item_names(item, &relations)? {
                if names.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
                    return Err(SqlError::new(format!("two columns are named `{name}`"))
                        .help("give one of them another name with AS")
                        .at(item));
                }
                names.push(name);
            }
        }
        Ok(names)
    }

    fn relation(&mut self, relation: &TableFactor) -> Result<Relation, SqlError> {
        match relation {
            TableFactor::Table { name, alias, .. } => {
                let node = plain(name);
                let columns = self.columns_of(&node).ok_or_else(|| {
                    let error = SqlError::new(format!("there is no node `{node}`")).at(name);
                    let names = self.tables.keys().map(String::as_str);
                    match nearest(
                        &node,
                        names.chain(self.ctes.iter().map(|(cte, _)| cte.as_str())),
                    ) {
                        Some(near) => error.help(format!("did you mean `{near}`?")),
                        None => error,
                    }
                })?;
                let known_as = match alias {
                    Some(alias) => alias.name.value.clone(),
                    None => node.rsplit('.').next().unwrap_or_default().to_owned(),
                };
                Ok(Relation::new(&known_as, renamed(columns, alias.as_ref())))
            }
            TableFactor::Derived {
                subquery, alias, ..
            } => {
                let names = self.output_names(subquery)?;
                let known_as = alias.as_ref().map(|alias| alias.name.value.as_str());
                let names = renamed(names, alias.as_ref());
                Ok(Relation::new(known_as.unwrap_or_default(), names))
            }
            other => Err(SqlError::new("FROM takes nodes and subqueries").at(other)),
        }
    }

    fn columns_of(&self, name: &str) -> Option<Vec<String>> {
        let lower = name.to_lowercase();
        if let Some((_, columns)) = self.ctes.iter().rev().find(|(cte, _)| *cte == lower) {
            return Some(columns.clone());
        }
        let schema = &self.tables.get(find(self.tables, name)?)?.schema;
        Some(
            schema
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect(),
        )
    }
}

/// Columns under the names of `alias(a, b, ...)`.
fn renamed(names: Vec<String>, alias: Option<&TableAlias>) -> Vec<String> {
    let new = alias
        .map(|alias| alias.columns.as_slice())
        .unwrap_or_default();
    let new = new.iter().map(|column| Some(column.name.value.clone()));
    names
        .into_iter()
        .zip(new.chain(std::iter::repeat(None)))
        .map(|(old, new)| new.unwrap_or(old))
        .collect()
}

fn item_names(item: &SelectItem, relations: &[Relation]) -> Result<Vec<String>, SqlError> {
    Ok(match item {
        SelectItem::UnnamedExpr(expression) => match generators::find(expression) {
            Some(generator) => generator.names(&[], expression)?,
            None => vec![name_of(expression)],
        },
        SelectItem::ExprWithAlias { expr, alias } => match generators::find(expr) {
            Some(generator) => generator.names(std::slice::from_ref(alias), expr)?,
            None => vec![alias.value.clone()],
        },
        SelectItem::ExprWithAliases { expr, aliases } => {
            Generator::of(expr)?.names(aliases, expr)?
        }
        SelectItem::Wildcard(options) => {
            let all = relations.iter().flat_map(Relation::shown);
            without(all.collect(), options)
        }
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            options,
        ) => {
            let wanted = plain(name).to_lowercase();
            let wanted = wanted.rsplit('.').next().unwrap_or_default();
            let found = relations.iter().find(|relation| relation.name == wanted);
            let relation = found
                .ok_or_else(|| SqlError::new(format!("there is no `{wanted}` in FROM")).at(name))?;
            without(relation.columns.clone(), options)
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expr), _) => {
            return Err(SqlError::new("`.*` is for tables only").at(expr));
        }
    })
}

fn without(mut names: Vec<String>, options: &WildcardAdditionalOptions) -> Vec<String> {
    if let Some(except) = &options.opt_except {
        let out: Vec<&Ident> = std::iter::once(&except.first_element)
            .chain(&except.additional_elements)
            .collect();
        names.retain(|name| !out.iter().any(|out| out.value.eq_ignore_ascii_case(name)));
    }
    names
}
