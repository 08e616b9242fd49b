//! Wrong answers of a transform, through the whole of `azud`.

use crate::support::{Case, ROWS};

fn wrong(how: &str, what: &str) {
    let ended = Case::transform(how).run();
    ended.assert_one_rejected(&format!("the plugin returned a wrong answer: {what}"));
}

#[test]
fn rows_that_are_not_there_or_named_twice() {
    wrong(
        "claims-rows",
        "4294967295 rows for an input of 1, and `rows` does not say which rows they come from",
    );
    wrong(
        "rows-beyond",
        "`rows` names row 4008636142 of an input of 1 rows",
    );
    wrong(
        "kept-and-rejected",
        "row 0 is both in the output and rejected",
    );
    wrong("rejected-twice", "row 0 is rejected twice");
    wrong("rejects-beyond", "row 1 of an input of 1 rows is rejected");
    // Half a million, which is as many as may be returned.
    let case = Case::transform("rejects-many").memory(64);
    let ended = case.limits("deadline: 1s").run();
    ended.assert_one_rejected(
        "the plugin returned a wrong answer: row 1 of an input of 1 rows is rejected",
    );
    ended.assert_one_rejected(
        "the plugin returned a wrong answer: row 1 of an input of 1 rows is rejected",
    );
}

#[test]
fn buffers_that_are_short_or_wrong() {
    wrong("short", "column `said`: its data are missing");
    wrong("offsets", "column `said`: its offsets are not in order");
    wrong(
        "nulls",
        "column `said`: row 0 is null, and the column was announced as never null",
    );
    wrong(
        "bad-text",
        "column `said`: Encountered non UTF-8 data: invalid utf-8 sequence of 1 bytes from index 0",
    );
}

#[test]
fn more_than_may_be_returned() {
    let output = "the plugin returned more than 24 MiB for a batch (limits: output)";
    for how in [
        "aliases",
        "repeats",
        "rejects-with-one-reason",
        "rejects-a-million",
    ] {
        let ended = Case::transform(how).limits("deadline: 1s").run();
        ended.assert_code(0);
        assert!(ended.rejected().len() <= ROWS, "{how}");
    }
    Case::transform("aliases").run().assert_one_rejected(output);
    Case::transform("claims-2-gib")
        .run()
        .assert_one_rejected("the plugin trapped: list pointer/length out of bounds of memory");
}

/// Where nobody reads the rejected rows, `on_error` says what becomes of the run.
#[test]
fn a_run_that_must_stop_leaves_nothing_half_visible() {
    for how in ["loops", "panics", "eats-memory", "aliases", "short"] {
        let ended = Case::transform(how).on_error("stop").run();
        ended.assert_code(1);
        let ended = Case::transform(how).on_error("drop").run();
        ended.assert_code(0);
        assert_eq!(ended.numbers("came").len(), ROWS - 1);
    }
}

#[test]
fn schemas_that_are_none() {
    for (how, what) in [
        ("many-columns", "`open` names more than 1000 columns"),
        (
            "wide-columns",
            "`open` announces more than 1000 fields, nested ones included",
        ),
        ("deep", "column `x` is nested more than 16 deep"),
        (
            "long-name",
            "a name of 1048576 bytes, more than 1024: `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...`",
        ),
        (
            "evil-name",
            "control characters in the name `a\\u{1b}[2J\\nb`",
        ),
        ("bidi-name", "control characters in the name `a\\u{202e}b`"),
    ] {
        let ended = Case::opening(how).memory(64).limits("deadline: 1s").run();
        ended.assert_told(
            2,
            &format!("error: plugin `evil`: the plugin returned a wrong answer: {what}\n"),
        );
    }
    let ended = Case::opening("long-format").run();
    ended.assert_told(2, "column `a`: `\\u{1b}\\u{1b}");
    assert!(ended.stderr.len() < 2_000, "{}", ended.stderr.len());
}
