//! Time: what never answers is ended, and only the row that it is about is lost.

use crate::support::Case;

const DEADLINE: &str = "the plugin took longer than 100ms for a call (limits: deadline)";
const TIMEOUT: &str = "the plugin did not answer within 300ms (limits: timeout)";

#[test]
fn a_transform_that_loops_loses_one_row() {
    for how in ["loops", "loops-and-logs", "loops-and-looks"] {
        Case::transform(how).run().assert_one_rejected(DEADLINE);
    }
}

#[test]
fn a_sink_that_loops_loses_the_call() {
    for how in ["loops", "loops-and-logs", "loops-and-looks"] {
        Case::sink("write", how).run().assert_all_rejected(DEADLINE);
    }
}

/// Nothing in a transform waits.
#[test]
fn a_transform_that_waits_goes_on() {
    let ended = Case::transform("waits").run();
    ended.assert_code(0);
    assert_eq!(ended.rejected(), []);
    assert_eq!(ended.numbers("came").len(), crate::support::ROWS);
}

/// Who does not answer may do so later: the same rows are offered again, but not for ever.
#[test]
fn a_sink_that_waits_is_asked_eight_times() {
    for how in ["waits", "waits-for-all"] {
        let ended = Case::sink("write", how)
            .limits("deadline: 100ms, timeout: 60ms")
            .run();
        ended.assert_told(1, "the plugin failed 8 times in a row, the last time: the plugin did not answer within 60ms (limits: timeout)");
    }
}

#[test]
fn a_sink_that_waits_in_flush_ends_the_run() {
    let ended = Case::sink("flush", "waits")
        .limits("deadline: 100ms, timeout: 60ms")
        .run();
    ended.assert_told(1, "the plugin failed 8 times in a row, the last time: the plugin did not answer within 60ms (limits: timeout)");
}

#[test]
fn open_has_limits_too() {
    for how in ["loops", "loops-and-logs", "loops-and-looks"] {
        Case::opening(how).run().assert_told(2, DEADLINE);
        Case::sink("open", how).run().assert_told(2, DEADLINE);
    }
    Case::sink("open", "waits").run().assert_told(2, TIMEOUT);
}

#[test]
fn code_that_stops_is_told_as_it_stopped() {
    let trapped = |what: &str| format!("the plugin trapped: {what}");
    for (how, what) in [
        ("exits", "the plugin called exit"),
        ("exits-badly", "the plugin called exit"),
        ("aborts", "wasm `unreachable` instruction executed"),
    ] {
        Case::transform(how)
            .run()
            .assert_one_rejected(&trapped(what));
    }
    for (how, what) in [
        ("exits", "Exited with i32 exit status 0"),
        ("exits-badly", "Exited with i32 exit status 1"),
        ("aborts", "wasm `unreachable` instruction executed"),
        ("polls-nothing", "empty poll list"),
    ] {
        Case::sink("write", how)
            .run()
            .assert_all_rejected(&trapped(what));
    }
    Case::transform("recurses")
        .run()
        .assert_one_rejected("the plugin needs more than 512 KiB of call stack");
    Case::sink("write", "recurses")
        .run()
        .assert_all_rejected("the plugin needs more than 512 KiB of call stack");
}
