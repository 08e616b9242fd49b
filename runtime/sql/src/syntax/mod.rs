//! From text to a syntax tree that DataFusion plans: Spark's dialect parsed,
//! what cannot stream refused, and what Spark writes otherwise rewritten.

mod calls;
mod deduplicate;
mod dialect;
mod generators;
pub(crate) mod interval;
mod java_regex;
mod joins;
mod lateral;
mod literals;
mod names;
mod refuse;
mod rewrite;
mod scope;
mod size;
mod spelling;
mod times;
mod windows;

use datafusion_sql::sqlparser::ast::{Query, Statement};
use datafusion_sql::sqlparser::parser::Parser;
use datafusion_sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::{SqlError, Tables};

pub(crate) use calls::calls;
pub(crate) use refuse::refuse;
pub(crate) use scope::{Scope, tables_of};

/// Parses the one query that the text is.
pub(crate) fn parse(sql: &str) -> Result<Query, SqlError> {
    if sql.len() > size::MAX_BYTES {
        return Err(SqlError::new(format!(
            "the query is {} bytes long; at most {} are allowed",
            sql.len(),
            size::MAX_BYTES
        ))
        .help("split it into several SQL nodes"));
    }
    let dialect = dialect::Spark;
    // Strings keep their escapes: Spark's are not the parser's.
    let tokens = Tokenizer::new(&dialect, sql)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| SqlError::from_parser(&error.into()))?;
    size::check(&tokens)?;
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(size::MAX_NESTING * 3)
        .with_tokens_with_locations(tokens);
    let mut query = match parser.parse_statement() {
        Ok(Statement::Query(query)) => *query,
        Ok(other) => return Err(not_a_query(&other)),
        Err(error) => return Err(SqlError::from_parser(&error)),
    };
    while parser.consume_token(&Token::SemiColon) {}
    let rest = parser.peek_token();
    match rest.token {
        Token::EOF => {
            deduplicate::rewrite(&mut query)?;
            Ok(query)
        }
        Token::Word(ref word)
            if word.keyword == datafusion_sql::sqlparser::keywords::Keyword::SELECT =>
        {
            Err(
                SqlError::new("a SQL node is one query, but this text has several")
                    .help("write a node for each")
                    .at_span(rest.span),
            )
        }
        _ => Err(SqlError::new(format!(
            "expected the end of the query, found: {}",
            rest.token
        ))
        .at_span(rest.span)),
    }
}

/// Rewrites a query for DataFusion; gives the names of its output columns as
/// Spark shows them.
pub(crate) fn prepare(query: &mut Query, tables: &Tables) -> Result<Vec<String>, SqlError> {
    let names = Scope::new(tables).output_names(query)?;
    rewrite::rewrite(query)?;
    Ok(names)
}

fn not_a_query(statement: &Statement) -> SqlError {
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or_default();
    SqlError::new(format!("a SQL node is a SELECT, but this is {word}"))
        .help("write SELECT ... FROM ...; sinks say where the rows go")
        .at(statement)
}
