//! Aggregates against a plain map over the rows, however rows are cut into
//! batches, epochs and lanes.

use std::collections::BTreeMap;

use crate::support::{Run, from_json, schema, to_json};
use azud_model::{Batch, Mode};
use azud_sql::{Tables, plan};
use proptest::prelude::*;

const SQL: &str = "SELECT k, count(*) AS n, sum(x) AS total, min(x) AS low, max(x) AS high, \
                   avg(x) AS mean, count(10 div x) AS tens FROM t GROUP BY k";

type Row = (Option<u8>, Option<i64>);

#[derive(Clone, Debug)]
struct Piece {
    lane: usize,
    rows: Vec<Row>,
    ends_epoch: bool,
    /// After the epoch's end: a crash, and so many lanes from then on.
    restart: Option<usize>,
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let row = (
        prop::option::weighted(0.9, 0..6_u8),
        prop::option::weighted(0.9, -3..4_i64),
    );
    let piece = (
        0..3_usize,
        prop::collection::vec(row, 0..12),
        prop::bool::weighted(0.4),
        prop::option::weighted(0.3, 1..4_usize),
    );
    let piece = piece.prop_map(|(lane, rows, ends_epoch, restart)| Piece {
        lane,
        rows,
        ends_epoch,
        restart,
    });
    prop::collection::vec(piece, 0..12)
}

fn json((key, x): &Row) -> String {
    let text = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    let key = text(key.map(|key| format!("\"k{key}\"")));
    format!("{{\"k\":{key},\"x\":{}}}", text(x.map(|x| x.to_string())))
}

/// One group's line, as the query should give it.
fn line(key: Option<u8>, values: &[Option<i64>]) -> String {
    let known: Vec<i64> = values.iter().copied().flatten().collect();
    let text = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    let sum: i64 = known.iter().sum();
    let some = (!known.is_empty()).then_some(());
    format!(
        "{{\"k\":{},\"n\":{},\"total\":{},\"low\":{},\"high\":{},\"mean\":{},\"tens\":{}}}",
        text(key.map(|key| format!("\"k{key}\""))),
        values.len(),
        text(some.map(|()| sum.to_string())),
        text(known.iter().min().map(i64::to_string)),
        text(known.iter().max().map(i64::to_string)),
        text(some.map(|()| format!("{:?}", sum as f64 / known.len() as f64))),
        known.len(),
    )
}

fn check(
    pieces: &[Piece],
    mut lanes: usize,
    mode: Mode,
    per_batch: bool,
) -> Result<(), TestCaseError> {
    let columns = schema("k string, x bigint");
    let tables = Tables::from([("t".to_owned(), columns.clone().into())]);
    let mut run = Run::new(plan(SQL, &tables).unwrap(), lanes, mode, per_batch);
    let mut state: BTreeMap<Option<u8>, Vec<Option<i64>>> = BTreeMap::new();
    let mut touched: Vec<Option<u8>> = Vec::new();
    let mut rejected = Vec::new();
    for piece in pieces {
        let lines: Vec<_> = piece.rows.iter().map(json).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let batch = Batch::without_origin(from_json(&columns, &lines));
        run.push("t", piece.lane % lanes, &batch);
        for row in &piece.rows {
            if row.1 == Some(0) {
                rejected.push((json(row), "division by zero".to_owned()));
                continue;
            }
            state.entry(row.0).or_default().push(row.1);
            touched.push(row.0);
        }
        if piece.ends_epoch {
            let mut found = to_json(&run.end_epoch());
            let mut expected: Vec<_> = state
                .iter()
                .filter(|(key, _)| mode == Mode::Complete || touched.contains(key))
                .map(|(key, values)| line(*key, values))
                .collect();
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected);
            touched.clear();
            if per_batch {
                state.clear();
            }
            if let Some(after) = piece.restart {
                lanes = after;
                run.restart(lanes);
            }
        }
    }
    prop_assert_eq!(&run.rejected, &rejected);
    Ok(())
}

proptest! {
    #[test]
    fn update(pieces in pieces(), lanes in 1..4_usize) {
        check(&pieces, lanes, Mode::Update, false)?;
    }

    #[test]
    fn complete(pieces in pieces(), lanes in 1..4_usize) {
        check(&pieces, lanes, Mode::Complete, false)?;
    }

    #[test]
    fn append_of_each_batch(pieces in pieces(), lanes in 1..4_usize) {
        check(&pieces, lanes, Mode::Append, true)?;
    }
}

/// In one lane a restart changes nothing, not even the order of rows.
fn check_order(pieces: &[Piece]) -> Result<(), TestCaseError> {
    let columns = schema("k string, x bigint");
    let tables = Tables::from([("t".to_owned(), columns.clone().into())]);
    let sql = "SELECT k, count(*) AS n, first(x) AS f, collect_list(x) AS all FROM t GROUP BY k";
    let start = || Run::new(plan(sql, &tables).unwrap(), 1, Mode::Complete, false);
    let (mut whole, mut restarted) = (start(), start());
    for piece in pieces {
        let lines: Vec<_> = piece.rows.iter().map(json).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let batch = Batch::without_origin(from_json(&columns, &lines));
        whole.push("t", 0, &batch);
        restarted.push("t", 0, &batch);
        if piece.ends_epoch {
            prop_assert_eq!(to_json(&restarted.end_epoch()), to_json(&whole.end_epoch()));
            if piece.restart.is_some() {
                restarted.restart(1);
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_restart_keeps_the_order(pieces in pieces()) {
        check_order(&pieces)?;
    }
}

/// Without keys there is one row, from the first epoch on, rows or not.
#[test]
fn an_aggregate_without_keys_has_one_row() {
    let columns = schema("x bigint");
    let tables = Tables::from([("t".to_owned(), columns.clone().into())]);
    let rows = |lines: &[&str]| Batch::without_origin(from_json(&columns, lines));
    let start = |mode, per_batch| {
        let query = plan("SELECT count(*) AS n, sum(x) AS s FROM t", &tables).unwrap();
        Run::new(query, 2, mode, per_batch)
    };
    let mut run = start(Mode::Complete, false);
    assert_eq!(to_json(&run.end_epoch()), [r#"{"n":0,"s":null}"#]);
    run.push("t", 1, &rows(&[r#"{"x":5}"#, r#"{"x":6}"#]));
    assert_eq!(to_json(&run.end_epoch()), [r#"{"n":2,"s":11}"#]);
    run.restart(3);
    assert_eq!(to_json(&run.end_epoch()), [r#"{"n":2,"s":11}"#]);
    let mut run = start(Mode::Update, false);
    assert_eq!(to_json(&run.end_epoch()), [r#"{"n":0,"s":null}"#]);
    assert!(run.end_epoch().is_empty());
    run.push("t", 0, &rows(&[r#"{"x":5}"#]));
    assert_eq!(to_json(&run.end_epoch()), [r#"{"n":1,"s":5}"#]);
    let mut run = start(Mode::Append, true);
    run.push("t", 0, &rows(&[r#"{"x":5}"#]));
    assert_eq!(to_json(&run.end_epoch()), [r#"{"n":1,"s":5}"#]);
    assert_eq!(to_json(&run.end_epoch()), [r#"{"n":0,"s":null}"#]);
}
