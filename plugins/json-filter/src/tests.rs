use azud_plugin::{
    Bool, Date, Float64, Int64, UInt8, Utf8,
    testing::{Ran, Table, run},
};

use super::Filter;

fn table() -> Table {
    Table::new()
        .column(
            "amount",
            Int64,
            [
                Some(49),
                Some(50),
                None,
                Some(51),
                Some(i64::MAX),
                Some(i64::MIN),
            ],
        )
        .column(
            "price",
            Float64,
            [
                Some(49.5),
                Some(50.0),
                None,
                Some(f64::NAN),
                Some(50.5),
                Some(-1.0),
            ],
        )
        .column(
            "user",
            Utf8,
            [
                Some("ana"),
                Some("bo"),
                None,
                Some("ana"),
                Some(""),
                Some("ñ"),
            ],
        )
        .column(
            "paid",
            Bool,
            [
                Some(true),
                Some(false),
                None,
                Some(true),
                Some(false),
                Some(true),
            ],
        )
        .column("day", Date, [1, 2, 3, 4, 5, 6])
        .column("small", UInt8, [0_u8, 1, 2, 3, 254, 255])
}

fn rows(config: &str) -> Vec<usize> {
    run::<Filter>(config, &table()).unwrap().rows
}

fn refusal(config: &str) -> String {
    run::<Filter>(config, &table())
        .map(|_: Ran| ())
        .unwrap_err()
        .to_string()
}

#[test]
fn integers_compare_exactly() {
    assert_eq!(rows(r#"{"column": "amount", "above": 50}"#), [3, 4]);
    assert_eq!(rows(r#"{"column": "amount", "at_least": 50}"#), [1, 3, 4]);
    assert_eq!(rows(r#"{"column": "amount", "below": 50}"#), [0, 5]);
    assert_eq!(rows(r#"{"column": "amount", "at_most": 50}"#), [0, 1, 5]);
    assert_eq!(rows(r#"{"column": "amount", "equals": 50}"#), [1]);
    assert_eq!(
        rows(r#"{"column": "amount", "at_least": 49, "below": 51}"#),
        [0, 1]
    );
    // As floats, the largest integer and its neighbour are the same.
    assert_eq!(
        rows(r#"{"column": "amount", "above": 9223372036854775806}"#),
        [4]
    );
    assert_eq!(rows(r#"{"column": "small", "above": 253.5}"#), [4, 5]);
}

#[test]
fn integers_compare_with_fractions() {
    assert_eq!(rows(r#"{"column": "amount", "above": 49.5}"#), [1, 3, 4]);
    assert_eq!(rows(r#"{"column": "amount", "at_most": 49.5}"#), [0, 5]);
    assert_eq!(rows(r#"{"column": "amount", "equals": 49.5}"#), [0; 0]);
    assert_eq!(
        rows(r#"{"column": "amount", "above": -1e300}"#),
        [0, 1, 3, 4, 5]
    );
    assert_eq!(rows(r#"{"column": "amount", "above": 1e300}"#), [0; 0]);
}

#[test]
fn floats_text_and_booleans_compare() {
    assert_eq!(rows(r#"{"column": "price", "above": 49.5}"#), [1, 4]);
    assert_eq!(rows(r#"{"column": "price", "equals": 50}"#), [1]);
    assert_eq!(rows(r#"{"column": "user", "equals": "ana"}"#), [0, 3]);
    assert_eq!(rows(r#"{"column": "user", "equals": "ñ"}"#), [5]);
    assert_eq!(rows(r#"{"column": "paid", "equals": false}"#), [1, 4]);
}

#[test]
fn all_columns_are_carried() {
    let output = run::<Filter>(r#"{"column": "user", "equals": "ana"}"#, &table()).unwrap();
    assert_eq!(output.column("amount"), [49, 51]);
    assert_eq!(output.column("user"), ["ana", "ana"]);
    assert_eq!(output.columns.len(), 6);
}

#[test]
fn the_column_may_be_left_out_where_only_one_fits() {
    assert_eq!(rows(r#"{"equals": "ana"}"#), [0, 3]);
    assert_eq!(rows(r#"{"equals": true}"#), [0, 3, 5]);
    let orders = Table::new()
        .column("user", Utf8, ["a", "b"])
        .column("amount", Int64, [50, 51]);
    assert_eq!(
        run::<Filter>(r#"{"above": 50}"#, &orders).unwrap().rows,
        [1]
    );
    assert_eq!(
        refusal(r#"{"above": 50}"#),
        "`column` is missing: it could be any of amount, price, small"
    );
    let users = Table::new().column("user", Utf8, ["a"]);
    let error = run::<Filter>(r#"{"above": 50}"#, &users)
        .map(|_: Ran| ())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no column of the input can be compared with that"
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    assert_eq!(
        refusal(r#"{"column": "amuont", "above": 1}"#),
        "the input has no column `amuont`; it has `amount`, `price`, `user`, `paid`, `day`, `small`"
    );
    assert_eq!(
        refusal(r#"{"column": "user", "above": 1}"#),
        "column `user` is text: give `equals` with a text"
    );
    assert_eq!(
        refusal(r#"{"column": "paid", "equals": 1}"#),
        "column `paid` is boolean: give `equals: true` or `equals: false`"
    );
    assert_eq!(
        refusal(r#"{"column": "amount"}"#),
        "column `amount` is a number: give one or more of above, at_least, below, at_most, equals with a number"
    );
    assert_eq!(
        refusal(r#"{"column": "day", "equals": 1}"#),
        "column `day` is neither a number, nor text, nor boolean: filter it in SQL"
    );
    assert_eq!(
        refusal(r#"{"column": "amount", "over": 1}"#),
        "config: unknown field `over`, expected one of `column`, `above`, `at_least`, `below`, `at_most`, `equals`"
    );
}
