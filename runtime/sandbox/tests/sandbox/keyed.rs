//! Plugins with state: what they are given and answer, and every wrong answer with its message.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use azud_sandbox::{EVENT_TIME, Keyed, KeyedWork, Limits, OpenError, OwnedRows, StateKind, Timers};

use crate::support::{Lines, plugin, table};

fn rows(keys: &[&str], values: &[i64]) -> RecordBatch {
    let keys: ArrayRef = Arc::new(StringArray::from(keys.to_vec()));
    let values: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
    table([("k", keys), ("x", values)])
}

fn open_within(config: &str, limits: Limits) -> Result<Keyed, OpenError> {
    let (guest, input) = (plugin("hostile-keyed"), rows(&[], &[]).schema());
    Keyed::open(
        &guest,
        config,
        &input,
        &[0],
        limits,
        Arc::new(Lines::default()),
    )
}

fn open(config: &str) -> Keyed {
    open_within(config, Limits::default()).unwrap()
}

/// Four rows of three keys; the second has a sum of 100.
fn work(keyed: &Keyed) -> KeyedWork {
    let known: ArrayRef = Arc::new(Int64Array::from(vec![100]));
    let columns = |state: usize| keyed.states().get(state).unwrap().columns.clone();
    let total = RecordBatch::try_new(columns(0), vec![known]).unwrap();
    KeyedWork {
        keys: vec![Arc::new(StringArray::from(vec!["a", "b", "c"]))],
        count: 3,
        rows: rows(&["a", "b", "a", "c"], &[1, 2, 3, 4]),
        groups: vec![0, 1, 0, 2],
        due: Timers::default(),
        pending: Timers::default(),
        states: vec![
            OwnedRows {
                rows: total,
                groups: vec![1],
            },
            OwnedRows {
                rows: RecordBatch::new_empty(columns(1)),
                groups: Vec::new(),
            },
        ],
        now: 7,
        watermark: i64::MIN,
    }
}

fn sums(batch: &RecordBatch) -> Vec<i64> {
    let sums = batch.column(0).as_primitive::<Int64Type>();
    sums.values().to_vec()
}

#[test]
fn rows_states_and_timers_go_in_and_out() {
    let mut keyed = open("");
    assert_eq!(keyed.reads(), [1]);
    assert_eq!(keyed.states()[1].kind, StateKind::Map { keys: 1 });
    assert!(keyed.has_event_timers());
    let answer = keyed.process(&work(&keyed), None).unwrap();
    assert_eq!(sums(&answer.output), [4, 102, 4]);
    let put = &answer.changes[0].put;
    assert_eq!(
        (sums(&put.rows), put.groups.as_slice()),
        (vec![4, 102, 4], &[0, 1, 2][..])
    );
    assert_eq!(answer.changes[1].put.rows.num_rows(), 0);
    let set: Vec<_> = answer.set.iter().collect();
    assert_eq!(set, [(0, 5, EVENT_TIME)]);
    let mut rejecting = open("process rejects");
    let answer = rejecting.process(&work(&rejecting), None).unwrap();
    assert_eq!(
        (answer.rejected[0].row, answer.rejected[0].reason.as_str()),
        (1, "bad\\u{1b}[2J")
    );
}

#[test]
fn answers_that_are_wrong_are_told() {
    for (how, what) in [
        ("no-changes", "changes of 0 states, and `open` has named 2"),
        (
            "short-values",
            "column `sum`: its values have 23 bytes, not 24",
        ),
        (
            "extra-buffer",
            "1 buffers more than the announced columns have",
        ),
        (
            "nulls",
            "column `sum`: row 1 is null, and the column was announced as never null",
        ),
        ("put-beyond", "`put` of state `total` names key 99 of 3"),
        (
            "put-short",
            "`put` of state `total` has 11 bytes of keys for 3 rows",
        ),
        (
            "cleared-beyond",
            "`cleared` of state `total` names key 3 of 3",
        ),
        (
            "cleared-half",
            "`cleared` of state `total` has 3 bytes of keys",
        ),
        (
            "removed-of-value",
            "`removed` of state `total` has 0 bytes of keys for 1 rows",
        ),
        ("timer-beyond", "`set` names key 3 of 3"),
        ("timer-half", "`set` has 4 bytes of keys for 0 rows"),
        (
            "timer-kind",
            "`set` has a timer of kind 2: 0 is event time, 1 processing time",
        ),
        (
            "timer-no-kind",
            "`set` has 8 bytes of times and 0 of kinds for 1 timers",
        ),
        ("deleted-half", "`deleted` has 1 bytes of keys for 0 rows"),
        ("rejects-beyond", "row 4 of an input of 4 rows is rejected"),
        ("rejects-twice", "row 1 is rejected twice"),
    ] {
        let mut keyed = open(&format!("process {how}"));
        // The second call goes to an instance that is alive.
        for _ in 0..2 {
            let error = keyed.process(&work(&keyed), None).unwrap_err();
            let expected = format!("the plugin returned a wrong answer: {what}");
            assert_eq!(error.to_string(), expected, "{how}");
        }
    }
    let mut undeclared = open("open no-timers");
    let error = undeclared
        .process(&work(&undeclared), None)
        .unwrap_err()
        .to_string();
    let what = "`set` has a timer of event time, and `open` has not said that there are any";
    assert!(error.ends_with(what), "{error}");
}

#[test]
fn calls_that_do_not_answer_end_and_the_next_finds_a_fresh_instance() {
    let limits = Limits {
        deadline: Duration::from_millis(400),
        ..Limits::default()
    };
    for (how, what) in [
        ("fails", "the plugin failed: not today\\u{1b}[2J"),
        ("traps", "the last line"),
        (
            "loops",
            "the plugin took longer than 400ms for a call (limits: deadline)",
        ),
        (
            "eats-memory",
            "the plugin needs more than 64 MiB of memory (limits: memory)",
        ),
        (
            "rows-lie",
            "the plugin returned more than 24 MiB for a batch (limits: output)",
        ),
        (
            "output-lies",
            "the plugin returned more than 24 MiB for a batch (limits: output)",
        ),
    ] {
        let mut keyed = open_within(&format!("process {how}"), limits.clone()).unwrap();
        for _ in 0..2 {
            let error = keyed.process(&work(&keyed), None).unwrap_err().to_string();
            assert!(error.contains(what), "{how}: {error}");
        }
    }
}

#[test]
fn what_open_must_not_answer() {
    for (how, what) in [
        ("refuses", "the plugin refuses: not these\\u{1b}[2J"),
        (
            "traps",
            "the plugin trapped: wasm `unreachable` instruction executed",
        ),
        (
            "loops",
            "the plugin took longer than 50ms for a call (limits: deadline)",
        ),
        (
            "reads-beyond",
            "`open` reads column 7 of an input of 2 columns",
        ),
        ("reads-twice", "`open` reads column 1 twice"),
        ("no-output", "`open` names no column of the output"),
        ("no-columns", "`open` names no column of the state `total`"),
        (
            "same-name",
            "two states, or a state and a column of the key, are named `a`",
        ),
        (
            "name-of-key",
            "two states, or a state and a column of the key, are named `k`",
        ),
        (
            "strange-name",
            "a state is named `_a\\u{1b}[2J`: a letter, then letters, digits and `_`, 255 at most",
        ),
        ("no-map-key", "the map `map` has 0 key columns of 2"),
        (
            "nested-map-key",
            "the map `map` has the key column `a`, which is nested",
        ),
        (
            "key-of-value",
            "the state `total` is no map, and has 1 key columns",
        ),
        (
            "no-time-to-live",
            "the rows of state `total` are kept for no time at all",
        ),
        ("long-map-key", "the map `map` has 3 key columns of 2"),
        ("many-states", "`open` announces more than 1000 states"),
        (
            "event-time-beyond",
            "column 9 of the output is no timestamp in microseconds",
        ),
        (
            "event-time-number",
            "column 0 of the output is no timestamp in microseconds",
        ),
    ] {
        let limits = Limits {
            // Others are slow where the machine is busy.
            deadline: match how {
                "loops" => Duration::from_millis(50),
                _ => Duration::from_secs(10),
            },
            ..Limits::default()
        };
        let Err(error) = open_within(&format!("open {how}"), limits) else {
            panic!("{how} was taken");
        };
        let error = error.to_string();
        assert!(error.contains(what), "{how}: {error}");
    }
}

#[test]
fn a_plugin_of_another_world_is_told() {
    let (guest, input) = (plugin("hostile"), rows(&[], &[]).schema());
    let lines = Arc::new(Lines::default());
    let opened = Keyed::open(&guest, "", &input, &[0], Limits::default(), lines);
    let Err(error) = opened else {
        panic!("a transform was taken");
    };
    assert!(error.to_string().contains("is a transform"), "{error}");
}
