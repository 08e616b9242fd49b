//! From SQL to steps: the whole way, one line a stage.

use std::sync::Arc;

use azud_model::Clock;
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::TreeNode;
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::LogicalPlan;
use datafusion_optimizer::analyzer::Analyzer;
use datafusion_optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion_optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion_optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion_optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion_optimizer::optimize_projections::OptimizeProjections;
use datafusion_optimizer::push_down_filter::PushDownFilter;
use datafusion_optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion_optimizer::simplify_expressions::SimplifyExpressions;
use datafusion_optimizer::{Optimizer, OptimizerContext, OptimizerRule};
use datafusion_sql::planner::{NullOrdering, ParserOptions, SqlToRel};
use datafusion_sql::sqlparser::ast;

use crate::catalog::Catalog;
use crate::functions::{Functions, UserFunctions};
use crate::{Query, SqlError, Tables, deduplicate, expand, lower, syntax, typing};

/// Turns a query into streaming steps.
///
/// # Errors
/// When the query is wrong or cannot stream: what, where, and what to write instead.
pub fn plan(sql: &str, tables: &Tables) -> Result<Query, SqlError> {
    plan_with(sql, tables, &UserFunctions::new(), None)
}

/// The same where a query may call aggregates of users, too, and `current_timestamp()`, which is
/// the time of `clock` when a batch of rows is processed.
///
/// # Errors
/// As [`plan`]; also where one of these does not take its arguments.
pub fn plan_with(
    sql: &str,
    tables: &Tables,
    users: &UserFunctions,
    clock: Option<&Arc<dyn Clock>>,
) -> Result<Query, SqlError> {
    // The planner is recursive, and a caller's stack may be small.
    stacker::grow(STACK, || plan_here(sql, tables, users, clock))
}

/// Enough for the deepest query that `syntax` lets pass.
const STACK: usize = 64 << 20;

fn plan_here(
    sql: &str,
    tables: &Tables,
    users: &UserFunctions,
    clock: Option<&Arc<dyn Clock>>,
) -> Result<Query, SqlError> {
    let functions = Functions::with(users, clock);
    let mut query = syntax::parse(sql)?;
    let reads_static = syntax::tables_of(&query).iter().any(|read| {
        let mut tables = tables.iter();
        tables.any(|(name, table)| table.rows.is_some() && name.eq_ignore_ascii_case(read))
    });
    syntax::refuse(&query, &functions, reads_static)?;
    let calls = syntax::calls(&query);
    let names = syntax::prepare(&mut query, tables)?;
    let options = Arc::new(options());
    let catalog = Catalog::new(tables, &functions, options.clone());
    let plan = logical(query, &catalog, &options)
        .map_err(|error| SqlError::from_datafusion(&error))
        .and_then(|plan| lower::lower(&plan, &names, options));
    plan.map_err(|error| error.at_call(&calls))
}

/// The nodes that a query reads, under the names that it uses for them.
///
/// # Errors
/// When the text is no query.
pub fn tables(sql: &str) -> Result<Vec<String>, SqlError> {
    stacker::grow(STACK, || Ok(syntax::tables_of(&syntax::parse(sql)?)))
}

fn has_join(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    plan.exists(|plan| Ok(matches!(plan, LogicalPlan::Join(_))))
}

/// The names of the functions that a query calls, in lower case, and whether they are SQL's.
///
/// # Errors
/// When the text is no query.
pub fn functions(sql: &str) -> Result<Vec<(String, bool)>, SqlError> {
    stacker::grow(STACK, || {
        let known = Functions::new();
        let calls = syntax::calls(&syntax::parse(sql)?).into_iter();
        let named = calls.map(|(name, _)| (known.contains(&name), name));
        Ok(named.map(|(is_known, name)| (name, is_known)).collect())
    })
}

fn options() -> ConfigOptions {
    let mut options = ConfigOptions::default();
    options.execution.enable_ansi_mode = true;
    options.execution.time_zone = Some("UTC".to_owned());
    options.optimizer.skip_failed_rules = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options
}

fn logical(
    query: ast::Query,
    catalog: &Catalog<'_>,
    options: &Arc<ConfigOptions>,
) -> Result<LogicalPlan, DataFusionError> {
    let parser = ParserOptions::default()
        .with_parse_float_as_decimal(true)
        // Names are lower case already, but for those in quotes too.
        .with_enable_ident_normalization(false)
        .with_map_string_types_to_utf8view(false)
        // Spark's: nulls come first going up, and last going down.
        .with_default_null_ordering(NullOrdering::NullsMin)
        .with_collect_spans(true);
    let plan = SqlToRel::new_with_options(catalog, parser)
        .sql_statement_to_plan(ast::Statement::Query(Box::new(query)))?;
    let plan = deduplicate::of_distinct(plan)?;
    let plan = typing::overloads(typing::literals(plan)?)?;
    let analyzer = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())]);
    let plan = analyzer.execute_and_check(plan, options, |_, _| {})?;
    let plan = typing::filters(typing::casts(plan)?)?;
    let plan = expand::windows_of_rows(plan)?;
    let mut rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(SimplifyExpressions::new()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateCrossJoin::new()),
    ];
    let windows = typing::windows(&plan)?;
    // Sliding windows and sessions are known behind their aggregate only: no filter over them
    // goes before.
    if windows.iter().all(|is_known| *is_known) {
        rules.push(Arc::new(PushDownFilter::new()));
    }
    rules.push(Arc::new(CommonSubexprEliminate::new()));
    // Late rows of windows leave with all their columns; a join keeps those that are read.
    if windows.is_empty() || has_join(&plan)? {
        rules.push(Arc::new(OptimizeProjections::new()));
    }
    let optimizer = Optimizer::with_rules(rules);
    let context = OptimizerContext::new_with_config_options(options.clone())
        .without_query_execution_start_time();
    optimizer.optimize(plan, &context, |_, _| {})
}
