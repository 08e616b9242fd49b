//! What does not fit, and what is said of it.

use super::{decode, reader, records};

/// The reason why the only record is bad; empty if it is good.
fn reason(column_type: &str, value: &str) -> String {
    let line = format!("{{\"amount\":{value}}}");
    let decoded = decode(&[("amount", column_type)], &[&line]);
    assert_eq!(decoded.batch.rows() + decoded.bad.len(), 1);
    decoded
        .bad
        .first()
        .map_or_else(String::new, |bad| bad.reason.clone())
}

#[test]
fn values_that_their_column_cannot_hold() {
    for (column_type, value, expected) in [
        ("bigint", "1.9", "column `amount`: 1.9 is not a bigint"),
        ("bigint", "1.0", "column `amount`: 1.0 is not a bigint"),
        ("bigint", "1e3", "column `amount`: 1e3 is not a bigint"),
        ("bigint", "0.0", "column `amount`: 0.0 is not a bigint"),
        ("bigint", "\"7\"", "column `amount`: \"7\" is not a bigint"),
        (
            "bigint",
            "9223372036854775808",
            "column `amount`: 9223372036854775808 is not a bigint",
        ),
        ("bigint", "true", "column `amount`: true is not a bigint"),
        (
            "int",
            "2147483648",
            "column `amount`: 2147483648 is not an int",
        ),
        (
            "smallint",
            "-32769",
            "column `amount`: -32769 is not a smallint",
        ),
        ("tinyint", "128", "column `amount`: 128 is not a tinyint"),
        ("float", "1e300", "column `amount`: 1e300 is not a float"),
        (
            "double",
            "1e999",
            "not JSON: number out of range at column 15",
        ),
        (
            "double",
            "\"1.5\"",
            "column `amount`: \"1.5\" is not a double",
        ),
        ("string", "7", "column `amount`: 7 is not a string"),
        ("string", "{}", "column `amount`: {} is not a string"),
        ("boolean", "1", "column `amount`: 1 is not a boolean"),
        (
            "boolean",
            "\"true\"",
            "column `amount`: \"true\" is not a boolean",
        ),
        (
            "decimal(4,2)",
            "123.4",
            "column `amount`: 123.4 is not a decimal(4,2)",
        ),
        (
            "decimal(4,2)",
            "\"1\"",
            "column `amount`: \"1\" is not a decimal(4,2)",
        ),
        ("date", "20454", "column `amount`: 20454 is not a date"),
        (
            "timestamp",
            "\"soon\"",
            "column `amount`: \"soon\" is not a timestamp",
        ),
        ("binary", "\"?\"", "column `amount`: \"?\" is not a binary"),
        (
            "array<int>",
            "[1,\"2\"]",
            "column `amount`: [1,\"2\"] is not an array<int>",
        ),
        (
            "struct<a:int>",
            "{\"a\":1.5}",
            "column `amount`: {\"a\":1.5} is not a struct<a:int>",
        ),
        (
            "map<string,int>",
            "[]",
            "column `amount`: [] is not a map<string,int>",
        ),
    ] {
        assert_eq!(reason(column_type, value), expected);
    }
    let long = format!("\"{}\"", "é".repeat(100));
    assert_eq!(
        reason("int", &long),
        format!("column `amount`: \"{}... is not an int", "é".repeat(79))
    );
}

#[test]
fn values_that_fit() {
    for (column_type, value) in [
        ("bigint", "-9223372036854775808"),
        ("bigint", "-0"),
        ("int", "-0"),
        ("smallint", "-0"),
        ("tinyint", "-0"),
        ("array<int>", "[-0]"),
        ("double", "9223372036854775808"),
        ("double", "\"NaN\""),
        ("float", "\"-Infinity\""),
        ("decimal(4,2)", "12.345"),
        ("timestamp", "1767225601000"),
        ("timestamp(s)", "1767225601.5"),
        ("timestamp", "\"2026-01-01\""),
        ("date", "\"2026-01-01\""),
        ("binary", "\"YQ==\""),
        ("map<int,string>", "{\"1\":\"a\"}"),
        ("struct<a:int>", "{\"b\":[1,{}]}"),
        ("bigint", "null"),
        ("decimal(4,2)", "null"),
    ] {
        assert_eq!(reason(column_type, value), "", "{column_type} {value}");
    }
}

#[test]
fn what_is_no_object_or_no_json() {
    for (line, expected) in [
        ("7", "not a JSON object"),
        ("null", "not a JSON object"),
        ("\"a\"", "not a JSON object"),
        (
            "{\"a\":1} {\"a\":2}",
            "not JSON: trailing characters at column 9",
        ),
        ("{\"a\" 1}", "not JSON: expected `:` at column 6"),
        ("{\"a\":1,}", "not JSON: trailing comma at column 8"),
        (
            "{\"a\":1",
            "not JSON: EOF while parsing an object at column 6",
        ),
        ("{\"a\":01}", "not JSON: invalid number at column 7"),
        (
            "{\"b\":\"\t\"}",
            "not JSON: control character (\\u0000-\\u001F) found while parsing a string at column 7",
        ),
        ("nonsense", "not JSON: expected ident at column 2"),
    ] {
        let decoded = decode(&[("a", "int"), ("b", "string")], &[line, "{\"a\":1}"]);
        assert_eq!(decoded.bad.len(), 1, "{line}");
        assert_eq!(decoded.bad[0].reason, expected, "{line}");
        assert_eq!(decoded.batch.rows(), 1, "{line}");
    }
}

#[test]
fn bad_records_cost_themselves_only() {
    let schema = [("a", "int"), ("b", "array<string>"), ("c", "int")];
    let good = r#"{"a":1,"b":["x","y"],"c":2}"#;
    let bad = r#"{"a":1,"b":["x","y"],"c":"2"}"#;
    let decoded = decode(&schema, &[good, bad, "", " \t", good, bad, good]);
    assert_eq!(
        decoded.batch.origin().unwrap().positions.values(),
        &[1, 5, 7]
    );
    assert_eq!(
        decoded.bad.iter().map(|bad| bad.index).collect::<Vec<_>>(),
        [1, 5]
    );
    let alone = decode(&schema, &[good, good, good]);
    assert_eq!(decoded.batch.columns(), alone.batch.columns());
}

#[test]
fn of_duplicate_keys_the_last_wins() {
    let schema = [("a", "int"), ("m", "map<string,int>")];
    let decoded = decode(
        &schema,
        &[
            r#"{"a":1,"a":2,"m":{"x":1,"y":2,"x":3}}"#,
            r#"{"a":"no","a":2,"m":{"y":2,"x":3}}"#,
            r#"{"a":2,"a":"no"}"#,
        ],
    );
    let plain = decode(&schema, &[r#"{"a":2,"m":{"y":2,"x":3}}"#]);
    assert_eq!(decoded.batch.slice(0, 1).columns(), plain.batch.columns());
    assert_eq!(decoded.batch.slice(1, 1).columns(), plain.batch.columns());
    assert_eq!(decoded.bad[0].reason, "column `a`: \"no\" is not an int");
}

#[test]
fn invalid_utf8() {
    let lines: [&[u8]; 3] = [b"{\"a\":\"x\"}", b"{\"a\":\"\xff\"}", b"{\"a\":\"y\"}"];
    let decoded = reader(&[("a", "string")]).decode(&records(&lines)).unwrap();
    assert_eq!(decoded.batch.rows(), 2);
    assert_eq!(decoded.bad[0].reason, "invalid UTF-8 at byte 7");
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let unknown = format!("{{\"b\":{deep}}}");
    let known = format!("{{\"a\":{deep}}}");
    let decoded = decode(&[("a", "int")], &[&unknown, &known]);
    assert_eq!(decoded.batch.rows(), 1);
    assert_eq!(
        decoded.bad[0].reason,
        format!("column `a`: {}... is not an int", "[".repeat(80))
    );
}
