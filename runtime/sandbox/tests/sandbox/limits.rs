//! Calls that never answer, or take too much.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arrow::array::{ArrayRef, Int64Array, StringArray};
use azud_sandbox::{GuestError, Level, Limits, Logger, Transform};

use crate::support::{Lines, batch, hostile, plugin, table};

fn failure(switch: &str, limits: Limits) -> GuestError {
    let mut transform = hostile(switch, limits).unwrap();
    let error = transform.process(&batch(40)).unwrap_err();
    // A fresh instance, and the same again.
    assert_eq!(transform.process(&batch(40)).unwrap_err(), error);
    error
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the deadline is one of real time"
)]
fn an_endless_loop_meets_the_deadline() {
    let started = Instant::now();
    let limits = Limits {
        deadline: Duration::from_millis(50),
        ..Limits::default()
    };
    let error = failure("loops", limits);
    assert_eq!(
        error.to_string(),
        "the plugin took longer than 50ms for a call (limits: deadline)"
    );
    assert!(
        started.elapsed() >= Duration::from_millis(100),
        "each of two calls had its time"
    );
}

#[test]
fn a_search_may_have_a_shorter_deadline() {
    let mut transform = hostile("loops", Limits::default()).unwrap();
    let error = transform
        .process_within(&batch(1), Duration::from_millis(10))
        .unwrap_err();
    assert_eq!(
        error,
        GuestError::Deadline {
            limit: Duration::from_millis(10)
        }
    );
}

#[test]
fn memory_is_denied_by_name() {
    let error = failure("eats-memory", Limits::default());
    assert_eq!(
        error.to_string(),
        "the plugin needs more than 64 MiB of memory (limits: memory)"
    );
    let error = failure(
        "eats-memory",
        Limits {
            memory: 3 << 20,
            ..Limits::default()
        },
    );
    assert_eq!(
        error.to_string(),
        "the plugin needs more than 3 MiB of memory (limits: memory)"
    );
    let error = hostile(
        "",
        Limits {
            memory: 1 << 10,
            ..Limits::default()
        },
    )
    .map(|_| ())
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin needs more than 1 KiB of memory (limits: memory)"
    );
    let error = hostile(
        "",
        Limits {
            table: 0,
            ..Limits::default()
        },
    )
    .map(|_| ())
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin needs more than 0 table elements (limits: table)"
    );
}

#[test]
fn recursion_meets_the_stack() {
    assert_eq!(
        failure("recurses", Limits::default()).to_string(),
        "the plugin needs more than 512 KiB of call stack"
    );
}

#[test]
fn one_region_cannot_be_returned_many_times() {
    assert_eq!(
        failure("aliases", Limits::default()).to_string(),
        "the plugin returned more than 24 MiB for a batch (limits: output)"
    );
}

#[test]
fn carried_columns_cannot_be_repeated_without_end() {
    let mut transform = hostile("repeats", Limits::default()).unwrap();
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![0]));
    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1_000)]));
    let error = transform
        .process(&table([("n", numbers), ("s", long)]))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin returned more than 24 MiB for a batch (limits: output)"
    );
    assert_eq!(
        transform.process(&batch(1)).unwrap().output.num_rows(),
        1 << 20
    );
}

#[test]
fn traps_say_what_happened() {
    let trap = |reason: &str| GuestError::Trapped {
        reason: reason.into(),
    };
    assert_eq!(
        failure("traps", Limits::default()),
        trap("wasm `unreachable` instruction executed")
    );
    assert_eq!(
        failure("traps", Limits::default()).to_string(),
        "the plugin trapped: wasm `unreachable` instruction executed"
    );
}

#[test]
fn a_trap_is_told_with_the_last_line_that_was_logged() {
    assert_eq!(
        failure("logs-and-traps", Limits::default()).to_string(),
        "the plugin trapped: wasm `unreachable` instruction executed; \
         the last that it logged: row 7:\\nhalf a date"
    );
}

/// Nothing of it is in memory, but whoever goes through the rows would not come back.
#[test]
fn rows_without_columns_cannot_be_many() {
    assert_eq!(
        failure("rows-lie-alone", Limits::default()).to_string(),
        "the plugin returned more than 24 MiB for a batch (limits: output)"
    );
}

#[test]
fn a_failure_is_the_plugins_own_word() {
    assert_eq!(
        failure("fails", Limits::default()).to_string(),
        "the plugin failed: not today"
    );
}

/// A logger that takes the first lines only, and knows how often it was asked.
#[derive(Default)]
struct First {
    asked: AtomicUsize,
    lines: Lines,
}

impl Logger for First {
    fn takes(&self, _: Level) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) < 3
    }

    fn log(&self, level: Level, line: &str) {
        self.lines.log(level, line);
    }
}

#[test]
fn lines_are_escaped_and_cut_and_those_that_are_not_taken_stay_away() {
    let logger = Arc::new(First::default());
    let limits = Limits {
        log_line: 10,
        deadline: Duration::from_secs(20),
        ..Limits::default()
    };
    let mut transform = Transform::open(
        &plugin("hostile"),
        "logs",
        &batch(0).schema(),
        limits,
        logger.clone(),
    )
    .unwrap();
    transform.process(&batch(1)).unwrap();
    assert_eq!(logger.asked.load(Ordering::Relaxed), 1_002);
    let written = logger.lines.0.lock().unwrap();
    let cut = [
        (Level::Debug, "\\u{1b}[31m...".to_owned()),
        (Level::Error, format!("{}...", "x".repeat(10))),
        (Level::Info, "0".to_owned()),
    ];
    assert_eq!(*written, cut);
}

#[test]
fn a_line_too_long_to_hand_over_is_a_limit_hit() {
    let limits = Limits {
        output: 32 << 20,
        ..Limits::default()
    };
    assert_eq!(
        failure("logs-too-much", limits).to_string(),
        "the plugin returned more than 32 MiB for a batch (limits: output)"
    );
}
