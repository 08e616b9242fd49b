//! What is wrong with a query, where in it, and what to write instead.

use std::fmt;

use arrow::datatypes::DataType;
use azud_model::ColumnType;
use datafusion_common::{Column, DataFusionError, SchemaError};
use datafusion_sql::sqlparser::ast::Spanned;
use datafusion_sql::sqlparser::parser::ParserError;
use datafusion_sql::sqlparser::tokenizer::Span;

use crate::functions::Refusal;
use crate::nearest::nearest;

/// A query that cannot run, for a person: what, why, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// What is wrong and why; lower case, no full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where in the text of the query, if that is known.
    pub location: Option<Location>,
    /// The function that it is about, where its place is not known yet.
    call: Option<String>,
}

/// A place in the text of a query; lines and columns count characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The line of the first character.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// The line of the end.
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
}

// === impl SqlError ===

impl SqlError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            location: None,
            call: None,
        }
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub(crate) fn at(mut self, place: &impl Spanned) -> Self {
        self.location = Location::of(place.span());
        self
    }

    #[must_use]
    pub(crate) fn at_span(mut self, span: Span) -> Self {
        self.location = Location::of(span);
        self
    }

    /// A failure of the parser, whose texts end in ` at Line: 1, Column: 8`.
    pub(crate) fn from_parser(error: &ParserError) -> Self {
        let text = match error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
            ParserError::RecursionLimitExceeded => {
                return Self::new("the query is nested too deeply")
                    .help("split it into several SQL nodes");
            }
        };
        let (text, place) = match text.rsplit_once(" at Line: ") {
            Some((text, place)) => (text, place.split_once(", Column: ")),
            None => (text.as_str(), None),
        };
        let mut error = Self::new(lower_first(&text.replace("Expected: ", "expected ")));
        if let Some((Ok(line), Ok(column))) = place.map(|(l, c)| (l.parse(), c.trim().parse())) {
            error.location = Some(Location {
                line,
                column,
                end_line: line,
                end_column: column + 1,
            });
        }
        error
    }

    pub(crate) fn from_datafusion(error: &DataFusionError) -> Self {
        let place = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let mut found = match error.find_root() {
            DataFusionError::External(user) if user.is::<Refusal>() => user
                .downcast_ref()
                .map_or_else(|| Self::new(""), Self::from_refusal),
            DataFusionError::External(own) if own.is::<Self>() => {
                own.downcast_ref().cloned().unwrap_or_else(|| Self::new(""))
            }
            DataFusionError::SchemaError(schema, _) => from_schema(schema),
            DataFusionError::Plan(text) => from_plan(text),
            DataFusionError::NotImplemented(text)
            | DataFusionError::Execution(text)
            | DataFusionError::Internal(text) => Self::new(first_line(text)),
            other => Self::new(first_line(&other.strip_backtrace())),
        };
        if found.location.is_none() {
            found.location = place.map(Location::from);
        }
        found
    }
}

impl SqlError {
    /// A user's aggregate does not take its arguments: where it is called is found later.
    pub(crate) fn from_refusal(refusal: &Refusal) -> Self {
        Self {
            call: Some(refusal.name.clone()),
            ..Self::new(refusal.to_string())
        }
    }

    /// About the first call of a function, by the name that queries give it.
    #[must_use]
    pub(crate) fn about(self, name: &str) -> Self {
        Self {
            call: Some(name.to_owned()),
            ..self
        }
    }

    /// At the place of the call that it is about, if it is about one.
    pub(crate) fn at_call(self, calls: &[(String, Span)]) -> Self {
        let called = |(name, _): &&(String, Span)| Some(name) == self.call.as_ref();
        match calls.iter().find(called) {
            Some((_, span)) if self.location.is_none() => self.at_span(*span),
            _ => self,
        }
    }
}

/// DataFusion's more common refusals in fewer words.
fn from_plan(text: &str) -> SqlError {
    if text.starts_with("Column in SELECT must be in GROUP BY") {
        let column = text.split('"').nth(1).unwrap_or_default();
        let column = column.rsplit('.').next().unwrap_or_default();
        return SqlError::new(format!(
            "`{column}` is neither grouped by nor inside an aggregate"
        ))
        .help(format!("add it to GROUP BY, or write any_value({column})"));
    }
    if text.contains("can only be applied to array") {
        return SqlError::new("explode takes an array")
            .help("make one of text with split(text, ' '), of a map with map_entries(a_map)");
    }
    // What a function itself says is better than a list of types.
    if let Some((_, reason)) = text.split_once("user-defined coercion failed with: ") {
        let reason = reason.split(" No function matches").next();
        let reason = reason.unwrap_or_default();
        return SqlError::new(first_line(
            reason.trim_start_matches("Error during planning: "),
        ));
    }
    if let Some((_, call)) = text.split_once("argument types '") {
        // Types have quotes of their own: `List(Int32, field: 'item')`.
        let call = call.split("'. ").next().unwrap_or_default();
        let call = call.trim_start_matches("azud_");
        let name = call.split('(').next().unwrap_or_default();
        return SqlError::new(format!(
            "{name}() does not take these types: {}",
            sql_types(call)
        ));
    }
    if text.starts_with("Aggregate functions are not allowed in the WHERE clause") {
        return SqlError::new("an aggregate cannot stand in WHERE").help("write it in HAVING");
    }
    SqlError::new(first_line(text))
}

/// `upper(Utf8, List(Int32))` as `upper(string, array<int>)`.
fn sql_types(call: &str) -> String {
    let Some((name, types)) = call.strip_suffix(')').and_then(|call| call.split_once('(')) else {
        return call.to_owned();
    };
    let mut depth = 0_usize;
    let types = types.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    });
    let types: Vec<_> = types.map(|name| sql_type(name.trim())).collect();
    format!("{name}({})", types.join(", "))
}

/// Arrow's name of a type as SQL's.
fn sql_type(name: &str) -> String {
    match name.parse() {
        Ok(DataType::Null) => "null".to_owned(),
        Ok(data_type) => ColumnType::from_arrow(&data_type)
            .map_or_else(|| name.to_owned(), |data_type| data_type.to_string()),
        Err(_) => name.to_owned(),
    }
}

fn from_schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => {
            let names: Vec<&str> = valid_fields.iter().map(Column::name).collect();
            let error = at_column(
                SqlError::new(format!("there is no column `{}`", field.name)),
                field,
            );
            match nearest(&field.name, names.iter().copied()) {
                Some(name) => error.help(format!("did you mean `{name}`?")),
                None => error.help(format!("the columns are {}", names.join(", "))),
            }
        }
        SchemaError::AmbiguousReference { field } => at_column(
            SqlError::new(format!("`{}` could be more than one column", field.name))
                .help("give one of them another name with AS"),
            field,
        ),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            SqlError::new(format!("two columns are named `{name}`"))
                .help("give one of them another name with AS")
        }
    }
}

fn at_column(mut error: SqlError, column: &Column) -> SqlError {
    error.location = column.spans.first().map(Location::from);
    error
}

fn first_line(text: &str) -> String {
    lower_first(
        text.lines()
            .next()
            .unwrap_or_default()
            .trim_end_matches(['.', ' ']),
    )
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

// === impl Location ===

impl Location {
    pub(crate) fn of(span: Span) -> Option<Self> {
        (span != Span::empty()).then(|| {
            let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            Self {
                line: number(span.start.line),
                column: number(span.start.column),
                end_line: number(span.end.line),
                end_column: number(span.end.column),
            }
        })
    }
}

impl From<datafusion_common::Span> for Location {
    fn from(span: datafusion_common::Span) -> Self {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            line: number(span.start.line),
            column: number(span.start.column),
            end_line: number(span.end.line),
            end_column: number(span.end.column),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::sql_types;
    use arrow::datatypes::DataType;

    #[test]
    fn types_have_the_names_of_sql() {
        assert_eq!(
            sql_types("f(Utf8, LargeUtf8, Utf8View, UInt8, UInt64, Int8)"),
            "f(string, string, string, smallint, decimal(20,0), tinyint)"
        );
        assert_eq!(
            sql_types("f(Decimal128(10, 2), Timestamp(µs, \"UTC\"), Null)"),
            "f(decimal(10,2), timestamp, null)"
        );
        let list = DataType::new_list(DataType::new_list(DataType::Int32, true), true);
        assert_eq!(
            sql_types(&format!("f({list}, {list})")),
            "f(array<array<int>>, array<array<int>>)"
        );
        assert_eq!(
            sql_types("f(Interval(MonthDayNano))"),
            "f(Interval(MonthDayNano))"
        );
        assert_eq!(sql_types("f()"), "f()");
    }
}
