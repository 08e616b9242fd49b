//! Calls that Spark spells otherwise than DataFusion, made those of DataFusion.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    TrimWhereField, UnaryOperator, Value, ValueWithSpan,
};

use super::literals::unescape;
use super::{java_regex, times};
use crate::SqlError;
use crate::functions::{Replacement, usage};

/// Rewrites a call; `None`: it stays.
///
/// What it makes is visited once more, but for a call that takes its place:
/// names that mean something else here begin with `azud_` therefore.
pub(super) fn rewrite(function: &mut Function) -> Result<Option<Expr>, SqlError> {
    aggregates(function);
    let name = name_of(function);
    regular_expression(function, &name)?;
    let arguments = arguments(function);
    if let Some(rewritten) = times::rewrite(&name, &arguments)? {
        return Ok(Some(rewritten));
    }
    Ok(Some(match (name.as_str(), arguments.as_slice()) {
        ("isnull", [value]) => Expr::IsNull(Box::new(value.clone())),
        ("isnotnull", [value]) => Expr::IsNotNull(Box::new(value.clone())),
        ("negative", [value]) => unary(UnaryOperator::Minus, value),
        ("positive", [value]) => unary(UnaryOperator::Plus, value),
        ("array_sort", [list]) => sorted(list, "ASC", "NULLS LAST"),
        ("sort_array", [list]) => sorted(list, "ASC", "NULLS FIRST"),
        ("sort_array", [list, Expr::Value(ascending)]) => match ascending.value {
            Value::Boolean(true) => sorted(list, "ASC", "NULLS FIRST"),
            _ => sorted(list, "DESC", "NULLS LAST"),
        },
        ("regexp_count", [value, pattern]) => cast(
            call("azud_regexp_count", vec![value.clone(), pattern.clone()]),
            DataType::Int(None),
        ),
        ("regexp_replace", [_, Expr::Value(pattern), Expr::Value(with)]) => {
            replacement(pattern, with)?;
            return Ok(None);
        }
        ("decode", [value, Expr::Value(charset)]) if is_utf8(charset)? => {
            cast(value.clone(), DataType::String(None))
        }
        ("encode", [value, Expr::Value(charset)]) if is_utf8(charset)? => cast(
            cast(value.clone(), DataType::String(None)),
            DataType::Binary(None),
        ),
        // Spark's has what to trim first.
        ("ltrim", [what, value]) => trim(TrimWhereField::Leading, what, value),
        ("rtrim", [what, value]) => trim(TrimWhereField::Trailing, what, value),
        ("left", [value, length]) => {
            call("substring", vec![value.clone(), number(1), length.clone()])
        }
        ("struct", parts) => named_struct(parts),
        ("map", parts) => call("make_map", parts.to_vec()),
        (name, _) => {
            if let Some(usage) = usage(name) {
                return Err(not_so(function, usage));
            }
            // DataFusion names a whole number a bigint; functions ask for ints.
            whole(function);
            return Ok(None);
        }
    }))
}

/// The name in lower case and without backticks.
fn name_of(function: &Function) -> String {
    let name = function.name.to_string().to_lowercase();
    name.trim_matches('`').to_owned()
}

/// A call of a function that is written otherwise.
fn not_so(function: &Function, usage: &str) -> SqlError {
    let name = name_of(function);
    let error = SqlError::new(format!("{name}() does not take these arguments"))
        .help(format!("write {usage}"));
    match function.name.0.first().and_then(ObjectNamePart::as_ident) {
        Some(ident) => error.at_span(ident.span),
        None => error,
    }
}

/// What a call that came of another spelling still needs.
pub(super) fn whole(function: &mut Function) {
    if !wants_constants(&function.name.to_string()) {
        whole_arguments(function);
    }
}

/// Functions that look at their constants while a query is planned.
fn wants_constants(name: &str) -> bool {
    matches!(name, "round" | "ceil" | "floor" | "count")
}

/// `count(*)` as `count(1)`, `count_if(x)` as `count(1) FILTER (WHERE x)`,
/// `median` of doubles.
fn aggregates(function: &mut Function) {
    let name = name_of(function);
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    let [FunctionArg::Unnamed(argument)] = list.args.as_mut_slice() else {
        return;
    };
    let one = FunctionArgExpr::Expr(Expr::Value(Value::Number("1".to_owned(), false).into()));
    match (name.as_str(), &*argument) {
        ("count", FunctionArgExpr::Wildcard) => *argument = one,
        // DataFusion's keeps a decimal's type, which has no digit for a half.
        ("median", FunctionArgExpr::Expr(value)) => {
            let double = DataType::Double(ExactNumberInfo::None);
            *argument = FunctionArgExpr::Expr(cast(value.clone(), double));
        }
        ("count_if", FunctionArgExpr::Expr(condition)) => {
            let condition = condition.clone();
            *argument = one;
            function.name = vec![Ident::new("count")].into();
            function.filter = Some(Box::new(match function.filter.take() {
                None => condition,
                Some(filter) => Expr::BinaryOp {
                    left: filter,
                    op: BinaryOperator::And,
                    right: Box::new(condition),
                },
            }));
        }
        _ => {}
    }
}

fn arguments(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return Vec::new();
    };
    let arguments = list.args.iter().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument.clone()),
        _ => None,
    });
    arguments.collect()
}

/// Casts the whole numbers among a call's arguments to int where they fit.
fn whole_arguments(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    for argument in &mut list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument
            && is_int(argument)
        {
            *argument = cast(argument.clone(), DataType::Int(None));
        }
    }
}

fn is_int(expression: &Expr) -> bool {
    match expression {
        Expr::Value(literal) => match &literal.value {
            Value::Number(text, false) => text.parse::<i32>().is_ok(),
            _ => false,
        },
        Expr::UnaryOp { expr, .. } => matches!(expr.as_ref(), Expr::Value(_)) && is_int(expr),
        _ => false,
    }
}

/// Makes a regular expression one of Rust's; one that is none is found before anything runs.
fn regular_expression(function: &mut Function, name: &str) -> Result<(), SqlError> {
    let takes = matches!(
        name,
        "split"
            | "rlike"
            | "regexp"
            | "regexp_like"
            | "regexp_replace"
            | "regexp_extract"
            | "regexp_count"
    );
    if !takes {
        return Ok(());
    }
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(());
    };
    if name == "split" {
        constants(list)?;
    }
    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.get_mut(1)
        && let Expr::Value(literal) = argument
        && let Some(pattern) = text_of(literal)
    {
        let rust = java_regex::to_rust(&pattern);
        if let Err(error) = regex::Regex::new(&rust) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default();
            return Err(SqlError::new(format!(
                "`{pattern}` is no regular expression: {}",
                reason.trim_start_matches("error: ")
            ))
            .at_span(literal.span));
        }
        *argument = text(&rust);
    }
    Ok(())
}

/// `split` reads its regular expression and its limit once, not in each row.
fn constants(list: &FunctionArgumentList) -> Result<(), SqlError> {
    for argument in list.args.iter().skip(1) {
        let constant = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::UnaryOp { expr, .. })) => {
                matches!(expr.as_ref(), Expr::Value(_))
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => {
                matches!(argument, Expr::Value(_))
            }
            _ => false,
        };
        if !constant {
            return Err(SqlError::new(
                "split() takes a literal here: what differs from row to row is not in this version yet",
            )
            .help("write split(text, ',') or split(text, ',', 2)")
            .at(argument));
        }
    }
    Ok(())
}

pub(super) fn text_of(literal: &ValueWithSpan) -> Option<String> {
    match &literal.value {
        Value::SingleQuotedString(text) => Some(unescape(text, '\'')),
        Value::DoubleQuotedString(text) => Some(unescape(text, '"')),
        _ => None,
    }
}

/// Finds out whether a replacement names groups that its regular expression has.
fn replacement(pattern: &ValueWithSpan, with: &ValueWithSpan) -> Result<(), SqlError> {
    let (Some(pattern), Some(text)) = (text_of(pattern), text_of(with)) else {
        return Ok(());
    };
    let Ok(regex) = regex::Regex::new(&pattern) else {
        return Ok(());
    };
    match Replacement::parse(&text, &regex) {
        Ok(_) => Ok(()),
        Err(reason) => Err(SqlError::new(reason).at_span(with.span)),
    }
}

fn is_utf8(charset: &ValueWithSpan) -> Result<bool, SqlError> {
    let name = text_of(charset).unwrap_or_default();
    match name.to_lowercase().as_str() {
        "utf-8" | "utf8" => Ok(true),
        _ => Err(SqlError::new(format!(
            "the character set `{name}` is not in this version yet"
        ))
        .help("write 'utf-8'")
        .at_span(charset.span)),
    }
}

fn sorted(list: &Expr, order: &str, nulls: &str) -> Expr {
    let arguments = vec![list.clone(), text(order), text(nulls)];
    call("azud_array_sort", arguments)
}

fn trim(side: TrimWhereField, what: &Expr, value: &Expr) -> Expr {
    Expr::Trim {
        expr: Box::new(value.clone()),
        trim_where: Some(side),
        trim_what: Some(Box::new(what.clone())),
        trim_characters: None,
    }
}

/// `struct(a, b + 1)` as `named_struct('a', a, 'col2', b + 1)`.
fn named_struct(parts: &[Expr]) -> Expr {
    let mut arguments = Vec::new();
    for (number, part) in (1..).zip(parts) {
        let name = match part {
            Expr::Identifier(name) => name.value.clone(),
            Expr::CompoundIdentifier(names) => match names.last() {
                Some(name) => name.value.clone(),
                None => format!("col{number}"),
            },
            _ => format!("col{number}"),
        };
        arguments.extend([text(&name), part.clone()]);
    }
    call("named_struct", arguments)
}

fn number(number: u32) -> Expr {
    let number = Expr::Value(Value::Number(number.to_string(), false).into());
    cast(number, DataType::Int(None))
}

fn unary(op: UnaryOperator, value: &Expr) -> Expr {
    Expr::UnaryOp {
        op,
        // A number's own minus would make another number of it.
        expr: Box::new(Expr::Nested(Box::new(value.clone()))),
    }
}

pub(super) fn cast(value: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(value),
        data_type,
        array: false,
        format: None,
    }
}

pub(super) fn text(text: &str) -> Expr {
    // Rewritten once more with the other literals: backslashes and quotes stay.
    let text = text.replace('\\', "\\\\").replace('\'', "''");
    Expr::Value(Value::SingleQuotedString(text).into())
}

/// A call of a function.
pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .into_iter()
                .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
