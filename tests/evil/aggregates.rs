//! What an aggregate answers: a row on which it fails counts nowhere; states that fail stop the
//! run, since nothing could be left out there.

use crate::support::{Case, EVIL_ROW, Ended};

const DEADLINE: &str = "the plugin took longer than 100ms for a call (limits: deadline)";
const MEMORY: &str = "the plugin needs more than 16 MiB of memory (limits: memory)";
const OUTPUT: &str = "the plugin returned more than 24 MiB for a batch (limits: output)";
const FAILED: &str = "the plugin failed: bad luck\\n\\u{1b}[31m\\u{202e}";

/// The groups of the last epoch, without the evil row: the one before had others.
const SUMS: [(usize, usize); 4] = [(0, 40), (1, 45), (2, 50), (3, 48)];

/// The row is rejected so, and the groups are those of the others.
fn assert_row_rejected(ended: &Ended, reason: &str) {
    ended.assert_code(0);
    let reason = format!("node `evil`: evil(): {reason}");
    assert_eq!(
        ended.rejected(),
        [(EVIL_ROW + 1, reason)],
        "{}",
        ended.stderr
    );
    assert_last_sums(ended, SUMS);
}

/// In mode complete a file has the groups of one epoch.
fn assert_last_sums(ended: &Ended, sums: [(usize, usize); 4]) {
    let sums = sums.map(|(n, sum)| (n, sum.to_string()));
    assert_eq!(ended.said(), sums, "{}", ended.stderr);
}

#[test]
fn wrong_answers_cost_the_row() {
    for (how, what) in [
        ("claims-rows", "4294967295 rows for 1 groups"),
        ("no-rows", "0 rows for 1 groups"),
        ("more-rows", "2 rows for 1 groups"),
        ("short", "column `sum`: its values are missing"),
        (
            "short-values",
            "column `sum`: its values have 7 bytes, not 8",
        ),
        (
            "nulls",
            "column `sum`: row 0 is null, and the column was announced as never null",
        ),
    ] {
        let ended = Case::aggregate("update", how).run();
        assert_row_rejected(
            &ended,
            &format!("the plugin returned a wrong answer: {what}"),
        );
    }
    assert_row_rejected(&Case::aggregate("update", "aliases").run(), OUTPUT);
}

#[test]
fn calls_that_do_not_answer() {
    for (how, reason) in [
        ("fails", FAILED),
        ("loops", DEADLINE),
        ("loops-and-logs", DEADLINE),
        ("eats-memory", MEMORY),
        (
            "recurses",
            "the plugin needs more than 512 KiB of call stack",
        ),
        ("exits", "the plugin trapped: the plugin called exit"),
    ] {
        assert_row_rejected(&Case::aggregate("update", how).run(), reason);
    }
    let ended = Case::aggregate("update", "fails-at-length").run();
    let reason = &ended.rejected()[0].1;
    assert!(reason.len() <= 1024 + 60, "{}", reason.len());
}

#[test]
fn states_that_fail_stop_the_run() {
    for (place, what) in [
        ("merge", "merge states"),
        ("finish", "make results of states"),
    ] {
        for (how, reason) in [
            ("fails", FAILED),
            (
                "panics",
                "the plugin trapped: wasm `unreachable` instruction executed",
            ),
            ("loops", DEADLINE),
            ("eats-memory", MEMORY),
            ("aliases", OUTPUT),
            (
                "claims-rows",
                "the plugin returned a wrong answer: 4294967295 rows",
            ),
            ("no-rows", "the plugin returned a wrong answer: 0 rows"),
            (
                "short-values",
                "the plugin returned a wrong answer: column `sum`: its values have",
            ),
        ] {
            let ended = Case::aggregate(place, how).run();
            ended.assert_told(
                1,
                &format!("node `evil`: evil() could not {what}: {reason}"),
            );
        }
    }
}

#[test]
fn states_that_are_converted_wrongly_are_as_they_were() {
    let ended = Case::migrating("well").run();
    ended.assert_code(0);
    let [first, second, third, last] = SUMS;
    assert_last_sums(&ended, [first, second, third, (last.0, last.1 + EVIL_ROW)]);
    for (how, reason) in [
        ("fails", FAILED),
        (
            "panics",
            "the plugin trapped: wasm `unreachable` instruction executed",
        ),
        ("loops", DEADLINE),
        ("eats-memory", MEMORY),
        ("aliases", OUTPUT),
        (
            "claims-rows",
            "the plugin returned a wrong answer: 4294967295 rows for 1 groups",
        ),
        (
            "more-rows",
            "the plugin returned a wrong answer: 2 rows for 1 groups",
        ),
        (
            "no-rows",
            "the plugin returned a wrong answer: 0 rows for 1 groups",
        ),
        (
            "short-values",
            "the plugin returned a wrong answer: column `sum`: its values have 7 bytes, not 8",
        ),
        (
            "nulls",
            "the plugin returned a wrong answer: column `sum`: row 0 is null, and the column was \
             announced as never null",
        ),
    ] {
        let ended = Case::migrating(how).run();
        ended.assert_told(
            1,
            &format!(
                "node `evil`: evil(): its states cannot be converted: of the group mod(n, Int64(4)) `3`: \
                 {reason}"
            ),
        );
        assert!(
            ended.stderr.contains("; they are as they were: "),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn on_error_says_what_becomes_of_the_run() {
    for how in ["fails", "panics", "aliases", "no-rows"] {
        let ended = Case::aggregate("update", how).on_error("stop").run();
        ended.assert_code(1);
        assert!(ended.lines("came").is_empty());
        let ended = Case::aggregate("update", how).on_error("drop").run();
        ended.assert_code(0);
        assert_last_sums(&ended, SUMS);
    }
}

#[test]
fn schemas_that_are_none() {
    for (how, what) in [
        (
            "many-states",
            "`open` announces more than 1000 fields of the state, nested ones included",
        ),
        (
            "many-outputs",
            "`open` announces more than 1000 fields of the output, nested ones included",
        ),
        (
            "evil-state",
            "control characters in the name `a\\u{1b}[2J\\nb`",
        ),
    ] {
        let ended = Case::aggregate("open", how)
            .memory(64)
            .limits("deadline: 1s")
            .run();
        ended.assert_told(2, &format!("the plugin returned a wrong answer: {what}"));
    }
    for (how, what) in [("loops", DEADLINE), ("eats-memory", MEMORY)] {
        Case::aggregate("open", how).run().assert_told(2, what);
        Case::aggregate("former", how).run().assert_told(2, what);
    }
    for (how, what) in [
        ("many-versions", "`former` announces more than 64 versions"),
        (
            "evil-state",
            "control characters in the name `a\\u{1b}[2J\\nb`",
        ),
    ] {
        let ended = Case::aggregate("former", how)
            .memory(64)
            .limits("deadline: 1s")
            .run();
        ended.assert_told(2, &format!("the plugin returned a wrong answer: {what}"));
    }
}
