//! Every wrong answer of `process`, with the message that it gives.

use azud_sandbox::{GuestError, Limits, Rows};

use crate::support::{batch, hostile};

fn refusal(switch: &str) -> String {
    let mut transform = hostile(switch, Limits::default()).unwrap();
    let error = transform.process(&batch(40)).unwrap_err();
    assert!(matches!(error, GuestError::Invalid { .. }), "{error:?}");
    // The next call goes to an instance that is alive.
    assert_eq!(transform.process(&batch(40)).unwrap_err(), error);
    error.to_string()
}

#[track_caller]
fn check(switch: &str, what: &str) {
    assert_eq!(
        refusal(switch),
        format!("the plugin returned a wrong answer: {what}"),
        "{switch}"
    );
}

#[test]
fn buffers_that_are_missing_short_or_too_many() {
    check(
        "short-values",
        "column `out`: its values have 319 bytes, not 320",
    );
    check("no-buffers", "column `out`: its validity bits are missing");
    check(
        "half-a-value",
        "column `out`: its values have 4 bytes, not 320",
    );
    check(
        "extra-buffer",
        "1 buffers more than the announced columns have",
    );
    check(
        "short-bitmap",
        "column `out`: its validity bits have 4 bytes, not 5",
    );
}

#[test]
fn longer_buffers_are_allowed() {
    let mut transform = hostile("long-values", Limits::default()).unwrap();
    assert_eq!(transform.process(&batch(40)).unwrap().output.num_rows(), 40);
}

#[test]
fn nulls_and_values_that_the_schema_excludes() {
    check(
        "nulls",
        "column `out`: row 2 is null, and the column was announced as never null",
    );
    check(
        "decimal:d:5,2",
        "column `out`: 1694739631331732739601904907601355406.07 is too large to store in a Decimal128 of precision 5. Max is 999.99",
    );
}

#[test]
fn text_whose_offsets_or_bytes_are_wrong() {
    check(
        "offsets-descend:u",
        "column `out`: its offsets are not in order",
    );
    check(
        "offsets-negative:u",
        "column `out`: its offsets are not in order",
    );
    check(
        "offsets-beyond:u",
        "column `out`: its data have 1 bytes, not 40",
    );
    check(
        "offsets-short:u",
        "column `out`: its offsets have 160 bytes, not 164",
    );
    check(
        "bad-utf8:u",
        "column `out`: Encountered non UTF-8 data: invalid utf-8 sequence of 1 bytes from index 0",
    );
    check(
        "half-a-character:u",
        "column `out`: Split UTF-8 codepoint at offset 1",
    );
}

#[test]
fn the_same_bytes_are_fine_as_binary() {
    for switch in ["bad-utf8:z", "half-a-character:z", "text:u"] {
        let mut transform = hostile(switch, Limits::default()).unwrap();
        assert_eq!(
            transform.process(&batch(40)).unwrap().output.num_rows(),
            40,
            "{switch}"
        );
    }
}

#[test]
fn rows_that_do_not_exist_or_do_not_agree() {
    check("rows-beyond", "`rows` names row 40 of an input of 40 rows");
    check("rows-short", "`rows` has 159 bytes for 40 rows, not 160");
    check(
        "rows-missing",
        "39 rows for an input of 40, and `rows` does not say which rows they come from",
    );
    check(
        "rows-lie",
        "4294967295 rows for an input of 40, and `rows` does not say which rows they come from",
    );
    check(
        "rejects-beyond",
        "row 40 of an input of 40 rows is rejected",
    );
    check("rejects-twice", "row 1 is rejected twice");
    check("rejects-kept", "row 0 is both in the output and rejected");
    check(
        "rejects-kept-index",
        "row 1 is both in the output and rejected",
    );
}

#[test]
fn rows_may_come_in_any_order() {
    let mut transform = hostile("rows-backwards", Limits::default()).unwrap();
    let processed = transform.process(&batch(3)).unwrap();
    let Rows::Indices(rows) = processed.rows else {
        panic!("{:?}", processed.rows)
    };
    assert_eq!(rows.values(), &[2, 1, 0]);
    let texts = processed.output.column(0);
    assert_eq!(
        texts.as_ref(),
        &arrow::array::StringArray::from(vec!["año 2", "año 1", "año 0"])
    );
}

#[test]
fn reasons_are_cut_at_a_character() {
    let mut transform = hostile("rejects-all", Limits::default()).unwrap();
    let processed = transform.process(&batch(40)).unwrap();
    assert_eq!(
        (processed.output.num_rows(), processed.rejected.len()),
        (0, 40)
    );
    assert_eq!(processed.rejected[39].reason, "ñ".repeat(512));
    assert_eq!(processed.rejected[39].row, 39);
}
