//! Aggregates: what they are given and answer, and every wrong answer with its message.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use azud_sandbox::{Aggregate, GuestError, Limits, OpenError};

use crate::support::{Lines, plugin, table};

fn open_within(config: &str, limits: Limits) -> Result<Aggregate, OpenError> {
    let (guest, input) = (plugin("hostile-aggregate"), column("arg1", &[]).schema());
    Aggregate::open(&guest, config, &input, limits, Arc::new(Lines::default()))
}

fn open(config: &str) -> Aggregate {
    open_within(config, Limits::default()).unwrap()
}

fn column(name: &str, values: &[i64]) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
    table([(name, column)])
}

fn states(values: &[i64]) -> RecordBatch {
    column("sum", values)
}

fn sums(batch: &RecordBatch) -> Vec<i64> {
    let sums = batch.column(0).as_primitive::<Int64Type>();
    assert_eq!(sums.null_count(), 0);
    sums.values().to_vec()
}

/// Each of the three calls, with forty groups.
fn call(aggregate: &mut Aggregate, call: &str) -> Result<RecordBatch, GuestError> {
    let numbers: Vec<u32> = (0..40).collect();
    let values: Vec<i64> = (0..40).collect();
    match call {
        "update" => aggregate.update(
            &states(&[7; 3]),
            40,
            &numbers,
            &column("arg1", &values),
            None,
        ),
        "merge" => aggregate.merge(&states(&values), &numbers, 40),
        _ => aggregate.finish(&states(&values)),
    }
}

#[test]
fn rows_are_added_to_their_groups_and_states_to_each_other() {
    let mut aggregate = open("");
    let fields = aggregate.state_schema().fields();
    assert_eq!((fields.len(), fields[0].name().as_str()), (1, "sum"));
    assert_eq!(aggregate.output().len(), 1);
    let rows = column("arg1", &[1, 2, 3, 4]);
    let updated = aggregate.update(&states(&[10, 20]), 4, &[3, 0, 3, 1], &rows, None);
    assert_eq!(sums(&updated.unwrap()), [12, 24, 0, 4]);
    let nothing = column("arg1", &[]);
    let empty = aggregate.update(&states(&[]), 2, &[], &nothing, None);
    assert_eq!(sums(&empty.unwrap()), [0, 0]);
    let merged = aggregate.merge(&states(&[1, 2, 4]), &[1, 0, 1], 2).unwrap();
    assert_eq!(sums(&merged), [2, 5]);
    assert_eq!(sums(&aggregate.finish(&merged).unwrap()), [2, 5]);
    // A slice of a batch is as good.
    let slice = states(&[1, 2, 4, 8]).slice(1, 2);
    assert_eq!(sums(&aggregate.finish(&slice).unwrap()), [2, 4]);
}

#[test]
fn answers_that_are_wrong_are_told() {
    let wrong = [
        ("rows-short", "39 rows for 40 groups"),
        ("rows-long", "41 rows for 40 groups"),
        ("rows-lie", "4294967295 rows for 40 groups"),
        ("no-rows", "0 rows for 40 groups"),
        (
            "short-values",
            "column `sum`: its values have 319 bytes, not 320",
        ),
        (
            "half-a-value",
            "column `sum`: its values have 4 bytes, not 320",
        ),
        ("no-buffers", "column `sum`: its validity bits are missing"),
        (
            "extra-buffer",
            "1 buffers more than the announced columns have",
        ),
        (
            "nulls",
            "column `sum`: row 2 is null, and the column was announced as never null",
        ),
        (
            "short-bitmap",
            "column `sum`: its validity bits have 4 bytes, not 5",
        ),
    ];
    for name in ["update", "merge", "finish"] {
        for (how, what) in wrong {
            let mut aggregate = open(&format!("{name} {how}"));
            // The second call goes to an instance that is alive.
            for _ in 0..2 {
                let error = call(&mut aggregate, name).unwrap_err();
                let expected = format!("the plugin returned a wrong answer: {what}");
                assert_eq!(error.to_string(), expected, "{name} {how}");
            }
        }
        let mut aggregate = open(&format!("{name} long-values"));
        assert_eq!(call(&mut aggregate, name).unwrap().num_rows(), 40);
    }
}

#[test]
fn calls_that_do_not_answer_end_and_the_next_finds_a_fresh_instance() {
    let limits = Limits {
        deadline: Duration::from_millis(400),
        ..Limits::default()
    };
    for name in ["update", "merge", "finish"] {
        for (how, what) in [
            ("fails", "the plugin failed: not today\\u{1b}[2J"),
            ("traps", "the last line"),
            (
                "loops",
                "the plugin took longer than 400ms for a call (limits: deadline)",
            ),
            (
                "recurses",
                "the plugin needs more than 512 KiB of call stack",
            ),
            (
                "eats-memory",
                "the plugin needs more than 64 MiB of memory (limits: memory)",
            ),
            (
                "aliases",
                "the plugin returned more than 24 MiB for a batch (limits: output)",
            ),
        ] {
            let mut aggregate = open_within(&format!("{name} {how}"), limits.clone()).unwrap();
            for other in ["update", "merge", "finish"] {
                let outcome = call(&mut aggregate, other);
                match other == name {
                    true => {
                        let error = outcome.unwrap_err().to_string();
                        assert!(error.contains(what), "{name} {how}: {error}");
                    }
                    false => assert_eq!(outcome.unwrap().num_rows(), 40, "{name} {how}"),
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_not_given_away() {
    let mut aggregate = open("");
    let given = |outcome: Result<RecordBatch, GuestError>| match outcome.unwrap_err() {
        GuestError::Input { what } => what,
        other => panic!("{other}"),
    };
    let rows = column("arg1", &[1, 2]);
    let few = aggregate.update(&states(&[]), 1, &[0], &rows, None);
    assert_eq!(given(few), "there is not one group for each row");
    let beyond = aggregate.merge(&states(&[1]), &[1], 1);
    assert_eq!(given(beyond), "a row is of a group that is not there");
    let many = aggregate.update(&states(&[1, 2]), 1, &[0, 0], &rows, None);
    assert_eq!(given(many), "there are more states than groups");
    let two = table([("a", rows.column(0).clone()), ("b", rows.column(0).clone())]);
    assert_eq!(given(aggregate.finish(&two)), "it has 2 columns, not 1");
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
            "no-state",
            "the plugin returned a wrong answer: `open` names no column of the state",
        ),
        (
            "no-output",
            "the plugin returned a wrong answer: `open` names no column of the output",
        ),
        ("same-name", "two columns of the state are named `a`"),
        (
            "few-children",
            "column `a`: it announces more children than it has fields",
        ),
        (
            "many-children",
            "column `a`: it announces more children than it has fields",
        ),
        ("strange-format", "column `a`: `xyz` is no format"),
        (
            "control-name",
            "control characters in the name `a\\u{1b}[2J`",
        ),
        (
            "many-fields",
            "`open` announces more than 1000 fields of the state, nested ones included",
        ),
        ("deep", "column `deep` is nested more than 16 deep"),
    ] {
        let limits = Limits {
            deadline: Duration::from_millis(50),
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
    let (guest, input) = (plugin("hostile"), column("arg1", &[]).schema());
    let opened = Aggregate::open(
        &guest,
        "",
        &input,
        Limits::default(),
        Arc::new(Lines::default()),
    );
    let Err(error) = opened else {
        panic!("a transform was taken");
    };
    assert!(error.to_string().contains("is a transform"), "{error}");
}
