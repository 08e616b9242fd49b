//! What a plugin with state answers: a row or a timer on which it fails changes nothing of its
//! key, and nothing at all of others.

use crate::support::{Case, EVIL_ROW, Ended, ROWS};

/// The keys, and what is summed up of each without the evil row.
const SUMS: [(usize, usize); 4] = [(1_000, 40), (1_001, 45), (1_002, 50), (1_003, 48)];

fn rows(rows: impl Iterator<Item = usize>) -> Vec<(usize, String)> {
    rows.map(|row| (row, "ok".to_owned())).collect()
}

fn sums(sums: &[(usize, usize)]) -> Vec<(usize, String)> {
    let sums = sums.iter();
    sums.map(|(key, sum)| (*key, sum.to_string())).collect()
}

/// The row is rejected so, and it is as if it had not been.
fn assert_row_rejected(ended: &Ended, reason: &str) {
    ended.assert_code(0);
    assert_eq!(
        ended.rejected(),
        [(EVIL_ROW + 1, reason.to_owned())],
        "{}",
        ended.stderr
    );
    let others = rows((0..ROWS).filter(|n| *n != EVIL_ROW));
    assert_eq!(
        ended.said(),
        [others, sums(&SUMS)].concat(),
        "{}",
        ended.stderr
    );
}

/// The timer of its key is rejected so; the rows and the timers of the others are there.
fn assert_timer_rejected(ended: &Ended, reason: &str) {
    ended.assert_code(0);
    let reason = format!("a timer at 1970-01-01T00:00:00Z: {reason}");
    assert_eq!(ended.rejected(), [(usize::MAX, reason)], "{}", ended.stderr);
    let expected = [rows(0..ROWS), sums(&SUMS[..3])].concat();
    assert_eq!(ended.said(), expected, "{}", ended.stderr);
}

const OUTPUT: &str = "the plugin returned more than 24 MiB for a batch (limits: output)";

#[test]
fn wrong_answers_cost_the_row_or_the_timer() {
    for (how, what) in [
        ("no-changes", "changes of 0 states, and `open` has named 1"),
        ("short", "column `sum`: its data are missing"),
        ("offsets", "column `sum`: its offsets are not in order"),
        (
            "nulls",
            "column `sum`: row 0 is null, and the column was announced as never null",
        ),
        (
            "bad-text",
            "column `sum`: Encountered non UTF-8 data: invalid utf-8 sequence of 1 bytes from index 0",
        ),
        (
            "keys-beyond",
            "`put` of state `total` names key 4008636142 of 1",
        ),
        (
            "keys-short",
            "`put` of state `total` has 3 bytes of keys for 1 rows",
        ),
        (
            "cleared-beyond",
            "`cleared` of state `total` names key 4008636142 of 1",
        ),
        ("timers-beyond", "`set` names key 4008636142 of 1"),
        (
            "timers-of-no-kind",
            "`set` has a timer of kind 7: 0 is event time, 1 processing time",
        ),
        (
            "timers-of-event-time",
            "`set` has a timer of event time, and `open` has not said that there are any",
        ),
        (
            "rejects-beyond",
            "row 4294967295 of an input of 1 rows is rejected",
        ),
    ] {
        let ended = Case::keyed("process", how).run();
        assert_row_rejected(
            &ended,
            &format!("the plugin returned a wrong answer: {what}"),
        );
    }
    for (how, what) in [
        ("no-changes", "changes of 0 states, and `open` has named 1"),
        (
            "cleared-beyond",
            "`cleared` of state `total` names key 4008636142 of 1",
        ),
        (
            "rejects-beyond",
            "row 4294967295 of an input of 0 rows is rejected",
        ),
    ] {
        let ended = Case::keyed("timer", how).run();
        assert_timer_rejected(
            &ended,
            &format!("the plugin returned a wrong answer: {what}"),
        );
    }
}

#[test]
fn more_than_may_be_returned() {
    for how in ["aliases", "claims-rows", "output-claims-rows"] {
        assert_row_rejected(&Case::keyed("process", how).run(), OUTPUT);
        assert_timer_rejected(&Case::keyed("timer", how).run(), OUTPUT);
    }
}

#[test]
fn calls_that_do_not_answer() {
    const DEADLINE: &str = "the plugin took longer than 100ms for a call (limits: deadline)";
    const MEMORY: &str = "the plugin needs more than 16 MiB of memory (limits: memory)";
    for (how, reason) in [
        (
            "fails",
            "the plugin failed: bad luck\\n\\u{1b}[31m\\u{202e}",
        ),
        ("loops", DEADLINE),
        ("loops-and-logs", DEADLINE),
        ("eats-memory", MEMORY),
        (
            "recurses",
            "the plugin needs more than 512 KiB of call stack",
        ),
        ("exits", "the plugin trapped: the plugin called exit"),
    ] {
        assert_row_rejected(&Case::keyed("process", how).run(), reason);
        assert_timer_rejected(&Case::keyed("timer", how).run(), reason);
    }
    let ended = Case::keyed("process", "fails-at-length").run();
    let reason = &ended.rejected()[0].1;
    assert!(reason.len() <= 1024 + 20, "{}", reason.len());
}

/// Where nobody reads what is rejected, `on_error` says what becomes of the run.
#[test]
fn a_run_that_must_stop_leaves_nothing_half_visible() {
    for place in ["process", "timer"] {
        for how in ["fails", "panics", "aliases", "keys-beyond", "no-changes"] {
            // A timer puts nothing whose keys could be wrong.
            if (place, how) == ("timer", "keys-beyond") {
                continue;
            }
            let ended = Case::keyed(place, how).on_error("stop").run();
            ended.assert_code(1);
            assert!(ended.numbers("came").is_empty());
            let ended = Case::keyed(place, how).on_error("drop").run();
            ended.assert_code(0);
            assert_eq!(ended.said().len(), ROWS + SUMS.len() - 1);
        }
    }
}

/// All of that is right, and is only much.
#[test]
fn many_and_far_timers_are_right() {
    for how in ["many-timers", "far-timers", "clears-a-million"] {
        let ended = Case::keyed("process", how).limits("deadline: 2s").run();
        ended.assert_code(0);
        assert_eq!(ended.rejected(), [], "{how}");
        let [first, second, third, last] = SUMS;
        let last = (last.0, last.1 + EVIL_ROW);
        let expected = [rows(0..ROWS), sums(&[first, second, third, last])].concat();
        assert_eq!(ended.said(), expected, "{how}: {}", ended.stderr);
    }
}

/// It is given back in each call for its key, and is no number: the rows after it begin at -1.
#[test]
fn a_large_state_is_kept() {
    let case = Case::keyed("process", "large-state").max_rows(1);
    let ended = case.limits("deadline: 2s").run();
    ended.assert_code(0);
    assert_eq!(ended.rejected(), []);
    let [first, second, third, last] = SUMS;
    let last = (last.0, 11 + 15 + 19 - 1);
    let expected = [rows(0..ROWS), sums(&[first, second, third, last])].concat();
    assert_eq!(ended.said(), expected, "{}", ended.stderr);
}

/// At the end of all input there is no later epoch that they could wait for.
#[test]
fn timers_that_set_others_without_end_stop_the_run() {
    let ended = Case::keyed("timer", "event-timers-without-end").run();
    ended.assert_told(
        1,
        "node `evil`: timers of a key have set 10000 others after the end of all input",
    );
}

#[test]
fn states_that_are_none() {
    for (how, what) in [
        ("many-states", "`open` announces more than 1000 states"),
        (
            "wide-state",
            "`open` announces more than 1000 fields of the state `total`, nested ones included",
        ),
        (
            "evil-state",
            "a state is named `a\\u{1b}[2J\\nb`: a letter, then letters, digits and `_`, 255 at most",
        ),
        (
            "state-of-the-key",
            "two states, or a state and a column of the key, are named `k`",
        ),
    ] {
        let ended = Case::keyed("open", how)
            .memory(64)
            .limits("deadline: 1s")
            .run();
        ended.assert_told(
            2,
            &format!("error: plugin `evil`: the plugin returned a wrong answer: {what}\n"),
        );
    }
    let ended = Case::keyed("open", "long-state")
        .memory(64)
        .limits("deadline: 1s")
        .run();
    ended.assert_told(
        2,
        "error: plugin `evil`: the plugin returned a wrong answer: a state is named `sss",
    );
    assert!(ended.stderr.len() < 2_000, "{}", ended.stderr.len());
    for (how, what) in [
        (
            "loops",
            "the plugin took longer than 100ms for a call (limits: deadline)",
        ),
        (
            "eats-memory",
            "the plugin needs more than 16 MiB of memory (limits: memory)",
        ),
    ] {
        Case::keyed("open", how).run().assert_told(2, what);
    }
}
