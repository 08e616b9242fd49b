//! The decoder against serde_json's values, which know nothing of columns.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use proptest::prelude::*;
use serde_json::Value;

use super::decode;

const SCHEMA: [(&str, &str); 5] = [
    ("a", "bigint"),
    ("b", "double"),
    ("c", "string"),
    ("d", "boolean"),
    ("e", "array<bigint>"),
];

/// What the rules of the reference say about a line: `None` if it is bad.
fn expected(line: &str) -> Option<[Value; 5]> {
    let value: Value = serde_json::from_str(line).ok()?;
    let object = value.as_object()?;
    let fits = |name: &str, value: &Value| match name {
        _ if value.is_null() => true,
        "a" => value.is_i64(),
        "b" => {
            value.is_number() || matches!(value.as_str(), Some("NaN" | "Infinity" | "-Infinity"))
        }
        "c" => value.is_string(),
        "d" => value.is_boolean(),
        _ => value
            .as_array()
            .is_some_and(|values| values.iter().all(|value| value.is_null() || value.is_i64())),
    };
    // serde_json has no whole -0: it is a float, and so is -0.0.
    let plain = |value: Value| match value.as_f64() {
        Some(zero) if zero == 0.0 && zero.is_sign_negative() => Value::from(0),
        _ => value,
    };
    let columns = SCHEMA.map(|(name, _)| match object.get(name).cloned() {
        Some(value) if name == "a" => plain(value),
        found => found.unwrap_or(Value::Null),
    });
    let good = SCHEMA
        .iter()
        .zip(&columns)
        .all(|((name, _), value)| fits(name, value));
    good.then_some(columns)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|n| format!("{n:?}")),
        any::<String>().prop_map(|s| Value::from(s).to_string()),
        proptest::collection::vec(-5..5_i64, 0..3).prop_map(|v| format!("{v:?}")),
        Just("[1,2.5]".to_owned()),
        Just("{\"x\":[{}]}".to_owned()),
        Just("\"Infinity\"".to_owned()),
        Just("nul".to_owned()),
        Just("01".to_owned()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let entry = (
        prop::sample::select(&["a", "b", "c", "d", "e", "x"][..]),
        value(),
    );
    proptest::collection::vec(entry, 0..6).prop_map(|entries| {
        let entries: Vec<_> = entries
            .iter()
            .map(|(k, v)| format!("\"{k}\":{v}"))
            .collect();
        format!("{{{}}}", entries.join(", "))
    })
}

proptest! {
    #[test]
    fn it_does_what_the_reference_says(lines in proptest::collection::vec(line(), 1..8)) {
        let texts: Vec<&str> = lines.iter().map(String::as_str).collect();
        let decoded = decode(&SCHEMA, &texts);
        let wanted: Vec<_> = texts.iter().map(|line| expected(line)).collect();
        let bad: Vec<usize> = decoded.bad.iter().map(|bad| bad.index).collect();
        let wanted_bad: Vec<usize> = (0..texts.len()).filter(|i| wanted[*i].is_none()).collect();
        prop_assert_eq!(bad, wanted_bad);

        let batch = decoded.batch.columns();
        for (row, [a, b, c, d, e]) in wanted.iter().flatten().enumerate() {
            let column = batch.column(0).as_primitive::<Int64Type>();
            prop_assert_eq!(column.is_valid(row).then(|| column.value(row)), a.as_i64());
            let column = batch.column(1).as_primitive::<Float64Type>();
            if b.is_number() {
                prop_assert_eq!(column.value(row), b.as_f64().unwrap());
            }
            prop_assert_eq!(column.is_null(row), b.is_null());
            let column = batch.column(2).as_string::<i32>();
            prop_assert_eq!(column.is_valid(row).then(|| column.value(row)), c.as_str());
            let column = batch.column(3).as_boolean();
            prop_assert_eq!(column.is_valid(row).then(|| column.value(row)), d.as_bool());
            let column = batch.column(4).as_list::<i32>();
            let found = column.is_valid(row).then(|| {
                column.value(row).as_primitive::<Int64Type>().iter().collect::<Vec<_>>()
            });
            let values = e.as_array().map(|v| v.iter().map(Value::as_i64).collect::<Vec<_>>());
            prop_assert_eq!(found, values);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text: String) {
        for column_type in ["timestamp", "date", "decimal(10,2)", "binary", "double"] {
            decode(&[("a", column_type)], &[&text, &serde_json::json!({ "a": text }).to_string()]);
        }
    }
}
