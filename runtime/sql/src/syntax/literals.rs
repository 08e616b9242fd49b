//! Literals as Spark reads them.

use datafusion_sql::sqlparser::ast::{CastKind, DataType, Expr, Value, ValueWithSpan};

/// Turns a literal into one that DataFusion reads as Spark does.
pub(super) fn rewrite(literal: &mut ValueWithSpan) -> Option<Expr> {
    match &mut literal.value {
        Value::SingleQuotedString(text) => {
            *text = unescape(text, '\'');
            None
        }
        Value::DoubleQuotedString(text) => {
            literal.value = Value::SingleQuotedString(unescape(text, '"'));
            None
        }
        Value::Number(text, long) => {
            let text = text.clone();
            let data_type = if std::mem::take(long) {
                DataType::BigInt(None)
            } else if text.contains(['e', 'E']) {
                DataType::Double(datafusion_sql::sqlparser::ast::ExactNumberInfo::None)
            } else {
                return None;
            };
            // As text: a decimal could not hold every double.
            let value = match data_type {
                DataType::BigInt(_) => Value::Number(text, false),
                _ => Value::SingleQuotedString(text),
            };
            Some(Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(Expr::Value(ValueWithSpan {
                    value,
                    span: literal.span,
                })),
                data_type,
                array: false,
                format: None,
            })
        }
        _ => None,
    }
}

/// A bigint with its minus: `-9223372036854775808L`, which has no plus.
pub(super) fn negative(literal: &ValueWithSpan) -> Option<Expr> {
    let Value::Number(digits, true) = &literal.value else {
        return None;
    };
    let mut number = literal.clone();
    number.value = Value::Number(format!("-{digits}"), true);
    rewrite(&mut number)
}

/// What a string literal says: Spark's `unescapeSQLString`.
pub(super) fn unescape(text: &str, quote: char) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter == quote {
            // The quote doubled stands for itself.
            result.push(letter);
            if rest.clone().next() == Some(quote) {
                rest.next();
            }
            continue;
        }
        if letter != '\\' {
            result.push(letter);
            continue;
        }
        let tail = rest.as_str();
        if let Some((length, coded)) = numbered(tail) {
            result.push(coded);
            rest = tail.get(length..).unwrap_or_default().chars();
            continue;
        }
        match rest.next() {
            Some('0') => result.push('\0'),
            Some('b') => result.push('\u{8}'),
            Some('n') => result.push('\n'),
            Some('r') => result.push('\r'),
            Some('t') => result.push('\t'),
            Some('Z') => result.push('\u{1a}'),
            // LIKE reads these two itself.
            Some(wildcard @ ('%' | '_')) => result.extend(['\\', wildcard]),
            Some(other) => result.push(other),
            None => result.push('\\'),
        }
    }
    result
}

/// `u0041`, `U00000041` and octal `101`: how many bytes they take, and the character.
fn numbered(tail: &str) -> Option<(usize, char)> {
    let coded = |from: usize, to: usize, radix: u32| {
        let digits = tail.get(from..to)?;
        let all = digits.chars().all(|digit| digit.is_digit(radix));
        let code = all.then(|| u32::from_str_radix(digits, radix).ok())??;
        Some((to, char::from_u32(code)?))
    };
    match tail.chars().next()? {
        'u' => coded(1, 5, 16),
        'U' => coded(1, 9, 16),
        '0' | '1' => coded(0, 3, 8),
        _ => None,
    }
}
