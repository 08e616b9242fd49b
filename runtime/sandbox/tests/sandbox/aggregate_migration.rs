//! Aggregates that convert what earlier versions have kept: what they are given and answer, and
//! every wrong answer with its message.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use azud_sandbox::inspect::ask;
use azud_sandbox::{Aggregate, Limits, OpenError, World};

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

fn old(values: &[i64]) -> RecordBatch {
    column("old", values)
}

fn sums(batch: &RecordBatch) -> Vec<i64> {
    let sums = batch.column(0).as_primitive::<Int64Type>();
    assert_eq!(sums.null_count(), 0);
    sums.values().to_vec()
}

#[test]
fn states_of_an_earlier_version_go_in_and_own_ones_out() {
    let guest = plugin("hostile-aggregate");
    assert!(guest.is(World::MigratingAggregate));
    assert_eq!(guest.world(), World::Aggregate);
    let mut aggregate = open("");
    let former = &aggregate.formers()[0];
    assert_eq!((aggregate.formers().len(), former.fields().len()), (1, 1));
    assert_eq!(former.field(0).name(), "old");
    // A call has no effect but its answer.
    for _ in 0..2 {
        let converted = aggregate.migrate(0, &old(&[10, -3, 0]), None).unwrap();
        assert_eq!(converted.schema_ref(), aggregate.state_schema());
        assert_eq!(sums(&converted), [20, -6, 0]);
        let nothing = aggregate.migrate(0, &old(&[]), None).unwrap();
        assert_eq!(nothing.num_rows(), 0);
    }
    // A slice of a batch is as good, and what it gives is a state as any other.
    let slice = old(&[1, 2, 4, 8]).slice(1, 2);
    let converted = aggregate.migrate(0, &slice, None).unwrap();
    let merged = aggregate.merge(&converted, &[0, 0], 1).unwrap();
    assert_eq!(sums(&merged), [12]);
    let kept = ask(&guest, "", Some(&column("arg1", &[]).schema())).keeps_of_group;
    let kept = kept.unwrap();
    assert_eq!(&kept.state, aggregate.state_schema());
    assert_eq!(kept.formers, aggregate.formers());
}

#[test]
fn one_that_exports_no_migration_knows_no_version() {
    assert!(!plugin("tally").is(World::MigratingAggregate));
    let input = column("arg1", &[]).schema();
    let (guest, limits) = (plugin("tally"), Limits::default());
    let tally = Aggregate::open(&guest, "{}", &input, limits, Arc::new(Lines::default()));
    for mut aggregate in [tally.unwrap(), open("former none")] {
        assert!(aggregate.formers().is_empty());
        let error = aggregate.migrate(0, &old(&[1]), None).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("`former` has not named such a version"),
            "{error}"
        );
    }
    // The rows are those of another version than the one that is named.
    let mut two = open("former two");
    let error = two.migrate(0, &old(&[1]), None).unwrap_err().to_string();
    assert!(error.contains("it has 1 columns, not 2"), "{error}");
    assert_eq!(sums(&two.migrate(1, &old(&[1]), None).unwrap()), [2]);
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
            "no-state",
            "of version 1 in `former`: `open` names no column of the state",
        ),
        (
            "same-name",
            "of version 1 in `former`: two columns of the state are named `a`",
        ),
        (
            "few-children",
            "of version 1 in `former`: column `a`: it announces more children than it has fields",
        ),
        (
            "many-fields",
            "of version 1 in `former`: `open` announces more than 1000 fields of the state",
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
        ("rows-short", "39 rows for 40 groups"),
        ("rows-long", "41 rows for 40 groups"),
        ("rows-lie", "4294967295 rows for 40 groups"),
        ("no-rows", "0 rows for 40 groups"),
        (
            "short-values",
            "column `sum`: its values have 319 bytes, not 320",
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
    ] {
        let limits = Limits {
            // Others are slow where the machine is busy.
            deadline: match how {
                "loops" => Duration::from_millis(400),
                _ => Duration::from_secs(10),
            },
            ..Limits::default()
        };
        let mut aggregate = open_within(&format!("migrate {how}"), limits).unwrap();
        let values: Vec<i64> = (0..40).collect();
        for _ in 0..2 {
            let error = aggregate.migrate(0, &old(&values), None).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(what), "{how}: {error}");
            // What else it does is as it was.
            let merged = aggregate.merge(&column("sum", &values), &[0; 40], 1);
            assert_eq!(sums(&merged.unwrap()), [780], "{how}");
        }
    }
}
