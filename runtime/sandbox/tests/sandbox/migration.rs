//! Plugins that convert states of earlier versions: what they are given and answer, and every wrong
//! answer with its message.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use azud_sandbox::{
    EVENT_TIME, Keyed, KeyedWork, Limits, OpenError, OwnedRows, PROCESSING_TIME, StateKind, Timers,
    World,
};

use crate::support::{Lines, plugin, table};

fn open_within(config: &str, limits: Limits) -> Result<Keyed, OpenError> {
    let keys: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
    let values: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
    let input = table([("k", keys), ("x", values)]).schema();
    let (guest, lines) = (plugin("hostile-keyed"), Arc::new(Lines::default()));
    Keyed::open(&guest, config, &input, &[0], limits, lines)
}

fn open(config: &str) -> Keyed {
    open_within(config, Limits::default()).unwrap()
}

/// Three keys of the version before, the second without a row; the first has a timer of each kind.
fn work(keyed: &Keyed) -> KeyedWork {
    let known: ArrayRef = Arc::new(Int64Array::from(vec![10, 30]));
    let former = keyed.formers().iter().flatten().next().unwrap();
    let columns = former.columns.clone();
    let mut pending = Timers::default();
    pending.push(0, 99, EVENT_TIME);
    pending.push(0, 98, PROCESSING_TIME);
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let nothing: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
    let rows = table([("k", keys.slice(0, 0)), ("x", nothing)]);
    KeyedWork {
        keys: vec![keys],
        count: 3,
        rows,
        groups: Vec::new(),
        due: Timers::default(),
        pending,
        states: vec![OwnedRows {
            rows: RecordBatch::try_new(columns, vec![known]).unwrap(),
            groups: vec![0, 2],
        }],
        now: 7,
        watermark: i64::MIN,
    }
}

#[test]
fn states_of_an_earlier_version_go_in_and_own_ones_out() {
    assert!(plugin("hostile-keyed").is(World::MigratingKeyed));
    assert_eq!(plugin("hostile-keyed").world(), World::Keyed);
    let mut keyed = open("");
    let former = &keyed.formers()[0][0];
    assert_eq!(
        (former.name.as_str(), former.kind),
        ("old", StateKind::Value)
    );
    let given = work(&keyed);
    // A call has no effect but its answer.
    for _ in 0..2 {
        let answer = keyed.migrate(0, &given, None).unwrap();
        assert_eq!(answer.output.num_rows(), 0);
        let put = &answer.changes[0].put;
        let sums = put.rows.column(0).as_primitive::<Int64Type>();
        assert_eq!(sums.values().to_vec(), [10, 0, 30]);
        assert_eq!(put.groups, [0, 1, 2]);
        assert_eq!(answer.deleted, given.pending);
        let set: Vec<_> = answer.set.iter().collect();
        assert_eq!(set, [(0, 5, EVENT_TIME)]);
    }
}

#[test]
fn one_that_exports_no_migration_knows_no_version() {
    assert!(!plugin("visits").is(World::MigratingKeyed));
    assert!(open("former none").formers().is_empty());
    let error = open("former none").migrate(0, &work(&open("")), None);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`former` has not named such a version"),
        "{error}"
    );
    // The rows are those of another version than the one that is named.
    let mut two = open("former two");
    assert!(two.formers()[0].is_empty());
    let error = two
        .migrate(0, &work(&open("")), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("not those of the version's states"),
        "{error}"
    );
    assert!(two.migrate(1, &work(&open("")), None).is_ok());
}

#[test]
fn what_former_must_not_answer() {
    for (how, what) in [
        (
            "traps",
            "the plugin trapped: wasm `unreachable` instruction executed",
        ),
        (
            "loops",
            "the plugin took longer than 50ms for a call (limits: deadline)",
        ),
        ("many-versions", "`former` announces more than 64 versions"),
        (
            "many-states",
            "of version 1 in `former`: `former` announces more than 1000 states",
        ),
        (
            "same-name",
            "of version 1 in `former`: two states, or a state and a column of the key, are named `a`",
        ),
        (
            "name-of-key",
            "two states, or a state and a column of the key, are named `k`",
        ),
        (
            "strange-name",
            "a state is named `_a\\u{1b}[2J`: a letter, then letters, digits and `_`, 255 at most",
        ),
        ("no-columns", "`open` names no column of the state `total`"),
        ("no-map-key", "the map `map` has 0 key columns of 2"),
        (
            "no-time-to-live",
            "the rows of state `total` are kept for no time at all",
        ),
    ] {
        let limits = Limits {
            deadline: match how {
                "loops" => Duration::from_millis(50),
                _ => Duration::from_secs(10),
            },
            ..Limits::default()
        };
        let Err(error) = open_within(&format!("former {how}"), limits) else {
            panic!("{how} was taken");
        };
        let error = error.to_string();
        assert!(error.contains(what), "{how}: {error}");
    }
}

#[test]
fn answers_that_are_wrong_are_told_and_the_next_call_finds_a_fresh_instance() {
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
        ("gives", "`migrate` gives 3 rows of output: it has none"),
        ("rejects", "row 1 of an input of 0 rows is rejected"),
        ("no-changes", "changes of 0 states, and `open` has named 2"),
        (
            "short-values",
            "column `sum`: its values have 23 bytes, not 24",
        ),
        (
            "nulls",
            "column `sum`: row 1 is null, and the column was announced as never null",
        ),
        ("put-beyond", "`put` of state `total` names key 99 of 3"),
        (
            "cleared-beyond",
            "`cleared` of state `total` names key 3 of 3",
        ),
        ("timer-beyond", "`set` names key 3 of 3"),
        (
            "timer-kind",
            "`set` has a timer of kind 2: 0 is event time, 1 processing time",
        ),
        ("deleted-half", "`deleted` has 1 bytes of keys for 2 rows"),
    ] {
        let limits = Limits {
            // Others are slow where the machine is busy.
            deadline: match how {
                "loops" => Duration::from_millis(400),
                _ => Duration::from_secs(10),
            },
            ..Limits::default()
        };
        let mut keyed = open_within(&format!("migrate {how}"), limits).unwrap();
        for _ in 0..2 {
            let error = keyed.migrate(0, &work(&keyed), None).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(what), "{how}: {error}");
        }
    }
}
