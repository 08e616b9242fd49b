//! Joins with tables against a nested loop over all rows, over random versions of the table.

use std::sync::{Arc, Mutex};

use azud_model::{Batch, Mode, Result};
use azud_operators::{StaticRows, TableVersion};
use azud_sql::{Table, Tables, Times, plan};
use proptest::prelude::*;

use crate::support::{Run, from_json, schema, to_json};

/// A key, if it has one, and a number.
type Row = (Option<u8>, i64);

/// What the table has, epoch by epoch: `None` where it stays as it was.
#[derive(Debug)]
struct Versions {
    epochs: Vec<Option<Vec<Row>>>,
    asked: Mutex<Vec<u64>>,
}

impl Versions {
    fn at(&self, epoch: u64) -> (u64, &[Row]) {
        let begun = self.epochs.get(..=epoch as usize);
        let begun = begun.unwrap_or(&self.epochs);
        let last = begun.iter().rposition(Option::is_some);
        let rows = last.and_then(|last| Some((last as u64 + 1, begun[last].as_deref()?)));
        rows.unwrap_or((0, &[]))
    }
}

impl StaticRows for Versions {
    fn of_epoch(&self, epoch: u64) -> Result<TableVersion> {
        self.asked.lock().unwrap().push(epoch);
        let (number, rows) = self.at(epoch);
        let columns = schema("k string, w bigint");
        let rows: Vec<String> = rows.iter().map(|row| json(row, "w")).collect();
        // Of several files.
        let rows = rows.chunks(2).map(|rows| {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            Batch::without_origin(from_json(&columns, &rows))
        });
        let rows = rows.collect();
        Ok(TableVersion { number, rows })
    }
}

fn json((key, number): &Row, name: &str) -> String {
    let key = key.map_or("null".to_owned(), |key| format!("\"{key}\""));
    format!(r#"{{"k":{key},"{name}":{number}}}"#)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (prop::option::weighted(0.9, 0..4_u8), 0..6_i64);
    prop::collection::vec(row, 0..7)
}

const KINDS: [&str; 5] = ["", "LEFT", "LEFT SEMI", "LEFT ANTI", "RIGHT"];

fn nested_loop(kind: &str, stream: &[Row], table: &[Row]) -> Vec<String> {
    let mut found = Vec::new();
    for a in stream {
        let matches = |t: &&Row| a.0.is_some() && a.0 == t.0 && a.1 <= t.1;
        let own: Vec<&Row> = table.iter().filter(matches).collect();
        let alone = || format!(r#"{{"v":{}}}"#, a.1);
        match kind {
            "LEFT SEMI" => found.extend(own.first().map(|_| alone())),
            "LEFT ANTI" if own.is_empty() => found.push(alone()),
            "LEFT ANTI" => {}
            _ => {
                let pair = |w: String| format!(r#"{{"v":{},"w":{w}}}"#, a.1);
                found.extend(own.iter().map(|t| pair(t.1.to_string())));
                if !kind.is_empty() && own.is_empty() {
                    found.push(pair("null".to_owned()));
                }
            }
        }
    }
    found.sort();
    found
}

fn tables(versions: &Arc<Versions>) -> Tables {
    let table = Table {
        schema: schema("k string, w bigint"),
        times: Times::default(),
        rows: Some(versions.clone()),
    };
    let stream = Table::from(schema("k string, v bigint"));
    Tables::from([("t".to_owned(), table), ("a".to_owned(), stream)])
}

proptest! {
    #[test]
    fn joins_with_tables_are_nested_loops(
        epochs in prop::collection::vec((prop::option::of(rows()), rows(), rows()), 1..5),
        kind in prop::sample::select(&KINDS[..]),
        lanes in 1..4_usize,
    ) {
        let versions = Arc::new(Versions {
            epochs: epochs.iter().map(|(table, ..)| table.clone()).collect(),
            asked: Mutex::default(),
        });
        let selected = if kind.contains("LEFT ") { "a.v" } else { "a.v, t.w" };
        let both = if kind == "RIGHT" { ("t", "a") } else { ("a", "t") };
        let sql = format!(
            "SELECT {selected} FROM {} {kind} JOIN {} ON a.k = t.k AND a.v <= t.w",
            both.0, both.1,
        );
        let query = plan(&sql, &tables(&versions)).unwrap();
        let mut run = Run::new(query, lanes, Mode::Append, false);
        for (epoch, (_, first, second)) in (0..).zip(&epochs) {
            for (lane, rows) in [first, second].into_iter().enumerate() {
                let rows: Vec<String> = rows.iter().map(|row| json(row, "v")).collect();
                let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
                let rows = from_json(&schema("k string, v bigint"), &rows);
                run.push("a", lane % lanes, &Batch::without_origin(rows));
            }
            let mut found = to_json(&run.end_epoch());
            found.sort();
            let stream = [first.as_slice(), second].concat();
            prop_assert_eq!(found, nested_loop(kind, &stream, versions.at(epoch).1));
        }
        prop_assert_eq!(run.rejected, []);
    }
}

/// A pair that fails is the stream's row's fault, and its other pairs go with it; a row of the
/// table that fails before is the table's.
#[test]
fn rows_that_fail_are_rejected_and_not_their_neighbours() {
    let versions = Arc::new(Versions {
        epochs: vec![Some(vec![(Some(1), 0), (Some(1), 3), (Some(2), 5)])],
        asked: Mutex::default(),
    });
    let run = |sql: &str| {
        let query = plan(sql, &tables(&versions)).unwrap();
        let mut run = Run::new(query, 2, Mode::Append, false);
        let rows = [r#"{"k":"1","v":3}"#, r#"{"k":"2","v":4}"#];
        let rows = from_json(&schema("k string, v bigint"), &rows);
        for lane in 0..2 {
            run.push("a", lane, &Batch::without_origin(rows.clone()));
        }
        (to_json(&run.end_epoch()), run.rejected)
    };
    let sql = "SELECT a.v, t.w FROM a LEFT JOIN t ON a.k = t.k AND 10 / (a.v - t.w) <> 77";
    let (found, rejected) = run(sql);
    let pair = r#"{"v":4,"w":5}"#;
    assert_eq!(found, [pair, pair]);
    let row = (
        r#"{"k":"1","v":3}"#.to_owned(),
        "division by zero".to_owned(),
    );
    assert_eq!(rejected, [row.clone(), row]);

    let sql = "SELECT a.v, t.x FROM a JOIN (SELECT k, 6 / w AS x FROM t) AS t ON a.k = t.k";
    let (found, rejected) = run(sql);
    let pairs = [r#"{"v":3,"x":2.0}"#, r#"{"v":4,"x":1.2}"#];
    assert_eq!(found, [pairs, pairs].concat());
    // Once for all lanes.
    let row = (
        r#"{"k":"1","w":0}"#.to_owned(),
        "division by zero".to_owned(),
    );
    assert_eq!(rejected, [row]);
}

/// A lane looks once an epoch, and only if rows come.
#[test]
fn a_table_is_asked_for_once_an_epoch_and_lane() {
    let versions = Arc::new(Versions {
        epochs: vec![Some(vec![(Some(1), 0)])],
        asked: Mutex::default(),
    });
    let query = plan(
        "SELECT a.v, t.w FROM a JOIN t ON a.k = t.k",
        &tables(&versions),
    )
    .unwrap();
    let mut run = Run::new(query, 2, Mode::Append, false);
    let rows = from_json(&schema("k string, v bigint"), &[r#"{"k":"1","v":3}"#]);
    for lanes in [[0, 0], [0, 1], [1, 1]] {
        for lane in lanes {
            run.push("a", lane, &Batch::without_origin(rows.clone()));
        }
        run.end_epoch();
        run.end_epoch();
    }
    assert_eq!(*versions.asked.lock().unwrap(), [0, 2, 2, 4]);
}
