//! Functions of dates and timestamps, written as casts and calls of DataFusion's.

use datafusion_sql::sqlparser::ast::{DataType, Expr, TimezoneInfo, ValueWithSpan};

use super::spelling::{call, cast, text, text_of};
use crate::SqlError;

/// Rewrites a call of a function of time; `None`: it is none, or not called so.
pub(super) fn rewrite(name: &str, arguments: &[Expr]) -> Result<Option<Expr>, SqlError> {
    Ok(Some(match (name, arguments) {
        ("year" | "quarter" | "month" | "day" | "hour" | "minute" | "second", [time]) => {
            part(name, time)
        }
        ("dayofmonth", [time]) => part("day", time),
        ("dayofyear", [time]) => part("doy", time),
        ("weekofyear", [time]) => part("week", time),
        ("dayofweek", [time]) => part("dow", time),
        ("date_part" | "datepart", [Expr::Value(field), time]) => {
            let name = text_of(field).unwrap_or_default();
            extract(&name, time).map_err(|error| error.at_span(field.span))?
        }
        ("date_trunc", [unit, time]) => call(
            "azud_date_trunc",
            vec![unit.clone(), timestamp(time.clone())],
        ),
        ("unix_seconds" | "unix_timestamp" | "to_unix_timestamp", [time]) => {
            cast(timestamp(time.clone()), DataType::BigInt(None))
        }
        ("unix_timestamp" | "to_unix_timestamp", [time, format]) => {
            cast(parsed(name, time, format)?, DataType::BigInt(None))
        }
        ("timestamp_seconds", [seconds]) => timestamp(seconds.clone()),
        ("from_unixtime", [seconds]) => cast(seconds_since(seconds), DataType::String(None)),
        ("from_unixtime", [seconds, format]) => {
            let format = pattern(name, format)?;
            call("azud_to_char", vec![seconds_since(seconds), format])
        }
        ("to_date", [time]) => cast(time.clone(), DataType::Date),
        ("to_date", [time, format]) => {
            let format = pattern(name, format)?;
            call("azud_to_date", vec![time.clone(), format])
        }
        ("to_timestamp", [time]) => timestamp(time.clone()),
        ("to_timestamp", [time, format]) => parsed(name, time, format)?,
        ("date_format", [time, format]) => {
            let format = pattern(name, format)?;
            call("azud_to_char", vec![timestamp(time.clone()), format])
        }
        _ => return Ok(None),
    }))
}

/// `extract(field FROM time)`.
pub(super) fn extract(field: &str, time: &Expr) -> Result<Expr, SqlError> {
    let known =
        match field.to_lowercase().as_str() {
            "year" | "y" | "years" | "yr" | "yrs" => "year",
            "quarter" | "qtr" => "quarter",
            "month" | "mon" | "mons" | "months" => "month",
            "week" | "w" | "weeks" => "week",
            "day" | "d" | "days" => "day",
            "dayofweek" | "dow" => "dow",
            "doy" => "doy",
            "hour" | "h" | "hours" | "hr" | "hrs" => "hour",
            "minute" | "m" | "min" | "mins" | "minutes" => "minute",
            "second" | "s" | "sec" | "secs" | "seconds" => {
                return Err(SqlError::new(
                    "seconds with their fraction are not in this version yet",
                )
                .help("write second(a_time) for whole seconds"));
            }
            _ => {
                return Err(SqlError::new(format!("a time has no `{field}` to extract")).help(
                "write one of year, quarter, month, week, day, dayofweek, doy, hour, minute",
            ));
            }
        };
    Ok(part(known, time))
}

fn part(field: &str, time: &Expr) -> Expr {
    call("azud_date_part", vec![text(field), time.clone()])
}

fn timestamp(value: Expr) -> Expr {
    cast(value, DataType::Timestamp(None, TimezoneInfo::None))
}

fn seconds_since(seconds: &Expr) -> Expr {
    timestamp(cast(seconds.clone(), DataType::BigInt(None)))
}

fn parsed(name: &str, time: &Expr, format: &Expr) -> Result<Expr, SqlError> {
    let format = pattern(name, format)?;
    let parsed = call("azud_to_timestamp", vec![time.clone(), format]);
    Ok(timestamp(parsed))
}

/// The pattern of a call, which must be written in it.
fn pattern(name: &str, format: &Expr) -> Result<Expr, SqlError> {
    let literal = match format {
        Expr::Value(literal) => text_of(literal).map(|pattern| (literal, pattern)),
        _ => None,
    };
    match literal {
        Some((literal, pattern)) => Ok(text(&chrono_format(literal, &pattern)?)),
        None => Err(SqlError::new(format!(
            "the pattern of {name}() must be a literal: a pattern that differs from row to row is not in this version yet"
        ))
        .help("write a pattern such as 'yyyy-MM-dd HH:mm'")
        .at(format)),
    }
}

/// Java's letters for dates as chrono's.
fn chrono_format(format: &ValueWithSpan, java: &str) -> Result<String, SqlError> {
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
