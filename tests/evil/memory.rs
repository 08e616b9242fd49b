//! Memory: of the guest, and of the host for it.

use crate::support::Case;

const MEMORY: &str = "the plugin needs more than 16 MiB of memory (limits: memory)";
const RANDOM: &str = "it asked for 9223372036854775807 random bytes at once: at most 1048576";
const HANDLES: &str = "handles at once: files, connections, requests, timers";

#[test]
fn more_memory_than_allowed_is_denied_by_name() {
    Case::transform("eats-memory")
        .run()
        .assert_one_rejected(MEMORY);
    Case::sink("write", "eats-memory")
        .run()
        .assert_all_rejected(MEMORY);
    Case::sink("flush", "eats-memory")
        .run()
        .assert_told(1, MEMORY);
    Case::opening("eats-memory").run().assert_told(2, MEMORY);
    Case::sink("open", "eats-memory")
        .run()
        .assert_told(2, MEMORY);
}

/// With the limits that everybody has who wrote none.
#[test]
fn the_limits_by_default_hold_too() {
    for how in [
        "eats-memory",
        "aliases",
        "logs-too-much",
        "rejects-with-one-reason",
    ] {
        let ended = Case::transform(how).memory(64).limits("deadline: 1s").run();
        ended.assert_code(0);
        assert!(!ended.rejected().is_empty());
    }
    let ended = Case::sink("write", "eats-memory")
        .memory(64)
        .limits("deadline: 1s")
        .run();
    ended.assert_all_rejected("the plugin needs more than 64 MiB of memory (limits: memory)");
}

/// One that leaks a little with each call is opened anew when its memory is used up;
/// a row may be rejected for it.
#[test]
fn a_leak_costs_a_fresh_instance() {
    let ended = Case::transform("leaks").memory(8).max_rows(1).run();
    ended.assert_code(0);
}

#[test]
fn timers_cannot_be_held_without_end() {
    let ended = Case::transform("holds-timers").run();
    ended.assert_one_rejected(&format!("the plugin holds more than 10000 {HANDLES}"));
    let ended = Case::sink("write", "holds-timers").run();
    ended.assert_all_rejected(&format!("the plugin holds more than 256 {HANDLES}"));
}

#[test]
fn random_bytes_come_in_small_pieces() {
    Case::transform("asks-for-random")
        .run()
        .assert_one_rejected(&format!("the plugin trapped: {RANDOM}"));
    for how in ["asks-for-random", "asks-for-less-random"] {
        let ended = Case::sink("write", how).run();
        ended.assert_code(0);
        assert!(ended.rejected()[0].1.starts_with("the plugin trapped: "));
    }
}

#[test]
fn files_take_no_more_than_they_can_write() {
    let at_once = "the plugin trapped: it wrote more than it may at once";
    let sizes = |how: &str| {
        let case = Case::sink("write", "see-sizes").with_folder().to(how);
        case.limits("deadline: 1s, timeout: 5s").run()
    };
    sizes("streams").assert_all_rejected(at_once);
    let ended = sizes("zeroes");
    ended.assert_all_rejected(
        "the plugin trapped: cannot write more zeroes than `check_write` allows",
    );
    for how in ["small-streams", "read", "long-paths", "listings"] {
        let ended = sizes(how);
        ended.assert_code(0);
        assert_eq!(ended.rejected(), [], "{how}");
        if how == "listings" {
            assert_eq!(ended.saw(), ["16 listings"]);
        }
    }
}

/// As many files as a process may have open would be the neighbours' files too.
#[test]
fn files_cannot_be_held_without_end() {
    let ended = Case::sink("write", "see-sizes")
        .with_folder()
        .to("files")
        .run();
    ended.assert_all_rejected(&format!("the plugin holds more than 256 {HANDLES}"));
}
