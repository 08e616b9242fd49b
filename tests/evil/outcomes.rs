//! What a sink answers, and what becomes of the rows.

use std::time::Duration;

use crate::support::{Case, ROWS, Running};

fn taken(ended: &crate::support::Ended) -> Vec<usize> {
    ended.numbers("taken")
}

#[test]
fn rows_that_are_not_there_or_named_twice() {
    let wrong = |how: &str, what: &str| {
        let ended = Case::sink("write", how).run();
        ended.assert_all_rejected(&format!("the plugin returned a wrong answer: {what}"));
    };
    wrong("rejects-beyond", "row 20 of a batch of 20 rows is rejected");
    wrong(
        "retries-beyond",
        "row 20 of a batch of 20 rows is to be offered again",
    );
    wrong("names-twice", "row 0 is named twice");
    wrong("retries-a-million", "row 0 is named twice");
}

/// In batches of three: of three rows it is known that they failed.
#[test]
fn a_trap_loses_no_row_that_was_accepted() {
    let ended = Case::sink("write", "traps-once")
        .with_folder()
        .max_rows(3)
        .run();
    ended.assert_code(0);
    let rejected = ended.rejected();
    let taken = taken(&ended);
    assert_eq!(rejected.len(), 3, "{}", ended.stderr);
    let others: Vec<_> = (0..ROWS).filter(|n| !(6..9).contains(n)).collect();
    assert_eq!(taken, others, "{}", ended.stderr);
}

#[test]
fn a_trap_in_flush_loses_nothing() {
    let ended = Case::sink("flush", "traps-once")
        .with_folder()
        .max_rows(3)
        .run();
    ended.assert_code(0);
    assert_eq!(ended.rejected(), []);
    assert_eq!(taken(&ended), (0..ROWS).collect::<Vec<_>>());
}

#[test]
fn a_flush_that_always_traps_ends_the_run() {
    let ended = Case::sink("flush", "panics").run();
    ended.assert_told(
        1,
        "node `evil`: the plugin failed 8 times in a row, the last time: the plugin trapped: ",
    );
}

#[test]
fn a_flush_that_fails_ends_the_run() {
    let ended = Case::sink("flush", "fails").run();
    ended.assert_told(1, "node `evil`: rows that the plugin had accepted could not be made durable: never\\n\\u{1b}[31m");
}

/// It is asked for ever, as the contract says; whoever waits can end it.
#[test]
fn a_sink_that_never_takes_anything_can_be_stopped() {
    for how in ["retries-at-once", "retries-never", "retries-rows-for-ever"] {
        stop(Case::sink("write", how), |running| {
            running.until_told("trying again in")
        });
    }
    stop(Case::sink("flush", "retries-never"), |running| {
        running.until_told("trying again in");
    });
    // In the middle of a call as well.
    stop(
        Case::sink("write", "waits").limits("timeout: 1h"),
        |running| {
            running.until_it_handles_signals();
            // Nothing tells that it waits; a run that has not begun would just end.
            std::thread::sleep(Duration::from_millis(400));
        },
    );
}

fn stop(case: Case, until_it_is_at_it: impl Fn(&Running)) {
    let running = case.start();
    until_it_is_at_it(&running);
    running.signal("TERM");
    // Two that come at once are one.
    running.until_told("draining");
    running.signal("TERM");
    let ended = running.wait_unmeasured();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.numbers("good").is_empty());
    let lines = ended.stderr.lines().count();
    assert!(lines < 60, "{lines} lines\n{}", ended.stderr);
}
