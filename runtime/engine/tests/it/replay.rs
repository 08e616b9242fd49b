//! Where dead letters enter, and what comes of them in a run that begins with some.

use std::sync::Arc;

use azud_connector_memory::{MemorySink, MemorySource};
use azud_engine::ReplayRow;

use crate::support::{plan, run};

const MANIFEST: &str = "
name: inlets
trigger: once
parallelism: 3
sources:
  in: { file: { path: . }, format: json, schema: { k: bigint, v: string } }
  made: { generator: { rows: 0, columns: { k: bigint } } }
transforms:
  both: { sql: 'SELECT k, v FROM `in` UNION ALL SELECT k, v FROM `in`' }
  counts: { sql: 'SELECT k, count(*) AS c FROM `in` GROUP BY k' }
  halves: { sql: 'SELECT k, 10 / c AS q FROM counts' }
sinks:
  out: { from: counts, blackhole: {}, mode: complete }
  rest: { from: halves, blackhole: {}, mode: update }
  all: { from: both, blackhole: {} }
  numbers: { from: made, blackhole: {} }
  bad: { from: [in.rejected, counts.rejected], blackhole: {} }
";

fn row(id: &str, node: &str, value: &str) -> ReplayRow {
    ReplayRow {
        id: id.to_owned(),
        node: node.to_owned(),
        value: value.as_bytes().to_vec(),
        source: Some("in".to_owned()),
        partition: Some("p".to_owned()),
        position: Some("7".to_owned()),
        attempt: 2,
        ..ReplayRow::default()
    }
}

#[test]
fn a_row_enters_where_it_fits_or_the_reason_is_told() {
    let plan = plan(
        MANIFEST,
        Arc::new(MemorySource::default()),
        Arc::new(MemorySink::default()),
    );
    let long = ReplayRow {
        reason: "longer than max_line 16MiB".to_owned(),
        ..row("long", "in", "{")
    };
    let nowhere = ReplayRow {
        partition: None,
        ..row("nowhere", "in", "{}")
    };
    let rows = [
        row("fits", "counts", r#"{"k":1,"v":null}"#),
        row("record", "in", "anything"),
        row("two", "both", r#"{"k":1,"v":"a"}"#),
        row("changes", "halves", r#"{"k":1,"c":2}"#),
        row("typed", "made", r#"{"k":1}"#),
        row("other", "halves", r#"{"k":1,"d":2}"#),
        row("text", "all", r#"{"k":"1","v":"a"}"#),
        row("list", "all", r#"[{"k":1,"v":"a"}]"#),
        long,
        nowhere,
    ];
    let refused = plan.refused(&rows).unwrap();
    let refused: Vec<(&str, &str)> = refused
        .iter()
        .map(|(id, why)| (id.as_str(), why.as_str()))
        .collect();
    let told = [
        (
            "two",
            "several steps or inputs of `both` take rows with its columns, and it does not say which of them rejected it",
        ),
        (
            "changes",
            "its rows come from an aggregate in mode complete or update: later results stand for them",
        ),
        ("typed", "its source makes rows itself, without records"),
        (
            "other",
            "its columns are d, k, and those of the node are k bigint, c bigint now",
        ),
        (
            "text",
            "its value does not fit the node now: `k` is \"1\", not a bigint",
        ),
        (
            "list",
            "its value is no row in JSON: invalid type: sequence, expected a map at line 1 column 0",
        ),
        (
            "long",
            "its record was too long, and only its first bytes are there",
        ),
        (
            "nowhere",
            "it is a record of a source, and does not say of which partition",
        ),
    ];
    let ids = |all: &[(&str, &str)]| {
        all.iter()
            .map(|(id, _)| (*id).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&refused), ids(&told), "{refused:#?}");
    for ((id, why), (_, told)) in refused.iter().zip(told) {
        // What a value is instead is said by the decoder, which has tests of that.
        let told = told.split(": `k` is").next().unwrap();
        assert!(why.starts_with(told), "{id}: {why}");
    }
}

/// Many, over several epochs; by an exchange, in the lane of each key.
#[test]
fn a_run_begins_with_rows_and_ends_when_all_are_given() {
    let (out, bad) = (MemorySink::default(), MemorySink::default());
    let source = Arc::new(MemorySource::default());
    let plan = plan(MANIFEST, source, Arc::new(out.clone()));
    let plan = plan.with_sink("bad", Arc::new(bad.clone()));
    let mut rows = Vec::new();
    for n in 0..9_000 {
        let key = n % 90;
        rows.push(match n % 2 {
            0 => row(
                &n.to_string(),
                "counts",
                &format!(r#"{{"k":{key},"v":"x"}}"#),
            ),
            _ => row(&n.to_string(), "in", &format!(r#"{{"k":{key}}}"#)),
        });
    }
    rows.push(row("bad", "in", "no json"));
    run(plan.with_replay(rows)).unwrap();
    let epochs = out.committed();
    assert_eq!(epochs.len(), 3, "4096 rows an epoch");
    let last = epochs.last().unwrap();
    let mut counts: Vec<String> = last
        .batches
        .iter()
        .flat_map(|batch| (0..batch.rows()).map(|row| azud_connect::row_json(batch.columns(), row)))
        .map(|row| String::from_utf8(row).unwrap())
        .collect();
    let mut expected: Vec<String> = (0..90).map(|k| format!(r#"{{"k":{k},"c":100}}"#)).collect();
    counts.sort();
    expected.sort();
    assert_eq!(counts, expected);
    let bad = bad.rows();
    assert_eq!(bad.len(), 1);
    for part in [
        r#""position":"7""#,
        r#""attempt":2"#,
        r#""partition":"p""#,
        r#""source":"in""#,
    ] {
        assert!(bad[0].contains(part), "{part}: {}", bad[0]);
    }
}
