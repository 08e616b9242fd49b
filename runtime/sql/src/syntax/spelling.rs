//! Calls that Spark spells otherwise than DataFusion, made those of DataFusion.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, UnaryOperator, Value,
    ValueWithSpan,
};

use super::java_regex;
use super::literals::unescape;
use crate::SqlError;

/// Rewrites a call; `None`: it stays.
pub(super) fn rewrite(function: &mut Function) -> Result<Option<Expr>, SqlError> {
    let name = function.name.to_string().to_lowercase();
    counts(function, &name);
    regular_expression(function, &name)?;
    let arguments = arguments(function);
    let part = |name: &str, value: &Expr| call("date_part", vec![text(name), value.clone()]);
    Ok(Some(match (name.as_str(), arguments.as_slice()) {
        ("isnull", [value]) => Expr::IsNull(Box::new(value.clone())),
        ("isnotnull", [value]) => Expr::IsNotNull(Box::new(value.clone())),
        (
            "year" | "quarter" | "month" | "day" | "hour" | "minute" | "second" | "doy" | "week",
            [value],
        ) => part(&name, value),
        ("dayofmonth", [value]) => part("day", value),
        ("dayofyear", [value]) => part("doy", value),
        ("weekofyear", [value]) => part("week", value),
        ("dayofweek", [value]) => part("dow", value),
        ("size" | "cardinality", [value]) => {
            cast(call("azud_size", vec![value.clone()]), DataType::Int(None))
        }
        ("unix_seconds", [value]) => cast(value.clone(), DataType::BigInt(None)),
        ("sort_array", [list]) => sorted(list, true),
        ("sort_array", [list, Expr::Value(ascending)]) => {
            sorted(list, ascending.value == Value::Boolean(true))
        }
        ("regexp_replace", [value, pattern, with]) => call(
            "regexp_replace",
            vec![value.clone(), pattern.clone(), with.clone(), text("g")],
        ),
        ("date_format", [value, Expr::Value(format)]) => {
            let format = chrono_format(format)?;
            call("to_char", vec![value.clone(), text(&format)])
        }
        ("to_date" | "to_timestamp", [value, Expr::Value(format)]) => {
            let format = chrono_format(format)?;
            call(&name, vec![value.clone(), text(&format)])
        }
        ("left", [value, length]) => {
            call("substring", vec![value.clone(), number(1), length.clone()])
        }
        ("right", [value, length]) => call("substring", vec![value.clone(), minus(length)]),
        ("struct", parts) => named_struct(parts),
        // DataFusion names a whole number a bigint; functions ask for ints.
        (name, _) if !wants_constants(name) => {
            whole_arguments(function);
            return Ok(None);
        }
        _ => return Ok(None),
    }))
}

/// What a call that came of another spelling still needs.
pub(super) fn whole(function: &mut Function) {
    if !wants_constants(&function.name.to_string()) {
        whole_arguments(function);
    }
}

/// Functions that look at their constants while a query is planned.
fn wants_constants(name: &str) -> bool {
    matches!(name, "round" | "bround" | "ceil" | "floor" | "count")
}

/// `count(*)` as `count(1)`, `count_if(x)` as `count(1) FILTER (WHERE x)`.
fn counts(function: &mut Function, name: &str) {
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    let [FunctionArg::Unnamed(argument)] = list.args.as_mut_slice() else {
        return;
    };
    let one = FunctionArgExpr::Expr(Expr::Value(Value::Number("1".to_owned(), false).into()));
    match (name, &*argument) {
        ("count", FunctionArgExpr::Wildcard) => *argument = one,
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

fn text_of(literal: &ValueWithSpan) -> Option<String> {
    match &literal.value {
        Value::SingleQuotedString(text) => Some(unescape(text, '\'')),
        Value::DoubleQuotedString(text) => Some(unescape(text, '"')),
        _ => None,
    }
}

fn sorted(list: &Expr, ascending: bool) -> Expr {
    let (order, nulls) = match ascending {
        true => ("ASC", "NULLS FIRST"),
        false => ("DESC", "NULLS LAST"),
    };
    call("array_sort", vec![list.clone(), text(order), text(nulls)])
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

/// Java's letters for dates as chrono's.
fn chrono_format(format: &ValueWithSpan) -> Result<String, SqlError> {
    let java = text_of(format).unwrap_or_default();
    let mut result = String::new();
    let mut letters = java.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\'' {
            result.extend(letters.by_ref().take_while(|letter| *letter != '\''));
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            if letter == '%' {
                result.push('%');
            }
            result.push(letter);
            continue;
        }
        let mut count = 1;
        while letters.next_if_eq(&letter).is_some() {
            count += 1;
        }
        result += match (letter, count) {
            ('y' | 'u', 1 | 4) => "%Y",
            ('y' | 'u', 2) => "%y",
            ('M' | 'L', 1) => "%-m",
            ('M' | 'L', 2) => "%m",
            ('M' | 'L', 3) => "%b",
            ('M' | 'L', 4) => "%B",
            ('d', 1) => "%-d",
            ('d', 2) => "%d",
            ('D', 3) => "%j",
            ('H', 1) => "%-H",
            ('H', 2) => "%H",
            ('h', 1) => "%-I",
            ('h', 2) => "%I",
            ('m', 1) => "%-M",
            ('m', 2) => "%M",
            ('s', 1) => "%-S",
            ('s', 2) => "%S",
            ('S', 3) => "%3f",
            ('S', 6) => "%6f",
            ('E', 1..=3) => "%a",
            ('E', 4) => "%A",
            ('a', 1) => "%p",
            _ => {
                let pattern = letter.to_string().repeat(count);
                return Err(SqlError::new(format!(
                    "the date pattern `{pattern}` is not in this version yet"
                ))
                .at_span(format.span));
            }
        };
    }
    Ok(result)
}

fn number(number: u32) -> Expr {
    let number = Expr::Value(Value::Number(number.to_string(), false).into());
    cast(number, DataType::Int(None))
}

fn minus(value: &Expr) -> Expr {
    Expr::UnaryOp {
        op: UnaryOperator::Minus,
        expr: Box::new(cast(value.clone(), DataType::Int(None))),
    }
}

fn cast(value: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(value),
        data_type,
        array: false,
        format: None,
    }
}

fn text(text: &str) -> Expr {
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
