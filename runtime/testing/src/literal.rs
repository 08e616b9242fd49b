//! A value of a test as the JSON that its column's decoder reads.
//!
//! More can be said than in JSON: `.nan` and the infinities as YAML writes them, and a decimal in
//! quotes, of which no digit is lost. Less is let pass: what the decoder would round or pass over.

use azud_manifest::did_you_mean;
use azud_model::{Column, ColumnType};
use serde_json::{Number, Value};

/// Appends the value; an error says why it is none of that type.
pub(crate) fn write(
    value: &Value,
    column_type: &ColumnType,
    out: &mut String,
) -> Result<(), String> {
    match (column_type, value) {
        (ColumnType::Float | ColumnType::Double, Value::String(text)) => {
            out.push_str(&quoted(not_finite(text).unwrap_or(text)));
        }
        (ColumnType::Decimal(_, scale), Value::Number(number)) => {
            decimal(&number.to_string(), *scale, out)?;
        }
        (ColumnType::Decimal(_, scale), Value::String(text)) if is_number(text) => {
            decimal(text, *scale, out)?;
        }
        (ColumnType::Array(element), Value::Array(items)) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                separate(number, out);
                write(item, element, out)?;
            }
            out.push(']');
        }
        (ColumnType::Map(_, values), Value::Object(entries)) => {
            out.push('{');
            for (number, (key, value)) in entries.iter().enumerate() {
                separate(number, out);
                out.push_str(&quoted(key));
                out.push(':');
                write(value, values, out)?;
            }
            out.push('}');
        }
        (ColumnType::Struct(columns), Value::Object(entries)) => {
            out.push('{');
            for (number, (key, value)) in entries.iter().enumerate() {
                separate(number, out);
                let column = columns.iter().find(|column| column.name == *key);
                let column = column.ok_or_else(|| unknown(key, columns))?;
                out.push_str(&quoted(key));
                out.push(':');
                write(value, &column.column_type, out)?;
            }
            out.push('}');
        }
        (_, value) => out.push_str(&value.to_string()),
    }
    Ok(())
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn separate(number: usize, out: &mut String) {
    if number > 0 {
        out.push(',');
    }
}

fn unknown(key: &str, columns: &[Column]) -> String {
    let guess = did_you_mean(key, columns.iter().map(|column| column.name.as_str()));
    format!("there is no field `{key}` in the struct{guess}")
}

/// YAML's words for what JSON has no number for, as the json format writes them.
fn not_finite(text: &str) -> Option<&'static str> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some("NaN"),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some("Infinity"),
        "-.inf" | "-.Inf" | "-.INF" => Some("-Infinity"),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    serde_json::from_str::<Number>(text).is_ok()
}

/// The decoder rounds what a scale has no room for: a row that is written down must not need it.
fn decimal(digits: &str, scale: i8, out: &mut String) -> Result<(), String> {
    let fraction = digits.split_once('.').map_or("", |(_, fraction)| fraction);
    let fraction = fraction.trim_end_matches('0');
    let room = usize::try_from(scale).unwrap_or(0);
    if !digits.contains(['e', 'E']) && fraction.len() > room {
        return Err(format!(
            "{digits} has more than {room} digits behind the point"
        ));
    }
    out.push_str(digits);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: &Value, column_type: &str) -> Result<String, String> {
        let mut out = String::new();
        write(value, &column_type.parse().unwrap(), &mut out).map(|()| out)
    }

    #[test]
    fn values_become_what_the_decoder_reads() {
        for (value, column_type, expected) in [
            (json!(5), "bigint", "5"),
            (json!(null), "decimal(4,2)", "null"),
            (json!(".nan"), "double", "\"NaN\""),
            (json!("-.inf"), "float", "\"-Infinity\""),
            (json!("NaN"), "double", "\"NaN\""),
            (json!(".nan"), "string", "\".nan\""),
            (json!(1.5), "decimal(4,2)", "1.5"),
            (json!("1.50"), "decimal(4,1)", "1.50"),
            (
                json!("12345678901234567890.12"),
                "decimal(38,2)",
                "12345678901234567890.12",
            ),
            (json!("many"), "decimal(4,2)", "\"many\""),
            (json!([".inf", 1]), "array<double>", "[\"Infinity\",1]"),
            (
                json!({ "a": "1.25" }),
                "map<string,decimal(4,2)>",
                "{\"a\":1.25}",
            ),
            (
                json!({ "x": ["1"] }),
                "struct<x:array<decimal(4,2)>>",
                "{\"x\":[1]}",
            ),
            (json!([1]), "bigint", "[1]"),
        ] {
            assert_eq!(
                written(&value, column_type).as_deref(),
                Ok(expected),
                "{value}"
            );
        }
    }

    #[test]
    fn what_would_be_lost_is_refused() {
        for (value, column_type, expected) in [
            (
                json!(1.005),
                "decimal(4,2)",
                "1.005 has more than 2 digits behind the point",
            ),
            (
                json!("1.5"),
                "decimal(4,0)",
                "1.5 has more than 0 digits behind the point",
            ),
            (
                json!([{ "usr": 1 }]),
                "array<struct<user:int>>",
                "there is no field `usr` in the struct, did you mean `user`?",
            ),
        ] {
            assert_eq!(written(&value, column_type).as_ref().unwrap_err(), expected);
        }
    }
}
