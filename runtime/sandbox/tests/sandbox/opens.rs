//! Every wrong answer of `open`, with the message that it gives.

use std::{sync::Arc, time::Duration};

use arrow::datatypes::{DataType, Field, IntervalUnit, Schema};
use azud_sandbox::{Limits, Silent, Transform};

use crate::support::{hostile, plugin};

#[track_caller]
fn check(switch: &str, what: &str) {
    let error = hostile(switch, Limits::default()).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the plugin returned a wrong answer: {what}"),
        "{switch}"
    );
}

#[test]
fn columns_that_do_not_exist_or_come_twice() {
    check(
        "open-reads-beyond",
        "`open` reads column 7 of an input of 2 columns",
    );
    check("open-reads-twice", "`open` reads column 0 twice");
    check(
        "open-carries-beyond",
        "`open` carries column 2 of an input of 2 columns",
    );
    check("open-same-name", "two columns of the output are named `s`");
    check("open-many-columns", "`open` names more than 1000 columns");
}

#[test]
fn fields_that_make_no_type() {
    check("open-no-field", "a computed column without a field");
    check(
        "open-leftover",
        "column `out` is followed by 1 fields that belong to none",
    );
    check(
        "open-few-children",
        "column `out`: it announces more children than it has fields",
    );
    check(
        "open-children-of-number",
        "column `out`: `l` has no children",
    );
    check(
        "open-struct-of-nothing",
        "column `out`: a struct without children",
    );
    check("open-two-items", "column `out`: `+l` has 2 children, not 1");
    check(
        "open-map-of-number",
        "column `out`: a map has one struct child with two children",
    );
    check("open-deep", "column `out` is nested more than 16 deep");
    check(
        "open-no-columns",
        "`open` names no column of the output: a row needs one",
    );
    check("open-many-fields", "column `out` has more than 1000 fields");
}

#[test]
fn formats_that_are_none() {
    for format in [
        "", "q", "ll", "w:", "w:0", "w:-1", "w:+1", "d:39,0", "d:0,0", "d:5", "d:5,6", "d:5,2,64",
        "ts", "tsq:", "+x", "U", "vu",
    ] {
        check(
            &format!("format:{format}"),
            &format!("column `out`: `{format}` is no format"),
        );
    }
    check("format:+w:0", "column `out`: `+w:0` is no format");
    check(
        "format:tsm:\u{1b}[2J",
        "column `out`: `tsm:\\u{1b}[2J` is no format",
    );
}

#[test]
fn a_refusal_is_the_plugins_own_word() {
    let error = hostile("open-refuses", Limits::default())
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin refuses: 2 columns are too few\\u{1b}[2J"
    );
}

#[test]
fn open_has_limits_too() {
    let error = hostile("open-traps", Limits::default())
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin trapped: wasm `unreachable` instruction executed"
    );
    let limits = Limits {
        deadline: Duration::from_millis(30),
        ..Limits::default()
    };
    let error = hostile("open-loops", limits).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin took longer than 30ms for a call (limits: deadline)"
    );
}

#[test]
fn types_without_a_form_are_refused_by_column() {
    let schema = Schema::new(vec![Field::new(
        "i",
        DataType::Interval(IntervalUnit::DayTime),
        true,
    )]);
    let error = Transform::open(
        &plugin("hostile"),
        "",
        &schema,
        Limits::default(),
        Arc::new(Silent),
    )
    .map(|_| ())
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `i` has the type Interval(DayTime), which a plugin cannot take: cast it in SQL before this step"
    );
}
