//! Limits of rows over random epochs, lanes and restarts; and the rows that windows make.

use azud_model::{Batch, Mode};
use azud_sql::{Tables, plan};
use proptest::prelude::*;

use crate::history::{epochs, time};
use crate::support::{Run, from_json, schema, to_json};

fn tables() -> Tables {
    let columns = schema("k string, x bigint, ts timestamp");
    Tables::from([("t".to_owned(), columns.into())])
}

proptest! {
    /// Rows come in the order in which they are pushed here, whatever their lanes are.
    #[test]
    fn the_first_rows_of_the_stream(
        epochs in epochs(), limit in 0..40_usize, inner in 0..40_usize, lanes in 1..4_usize,
    ) {
        let columns = schema("k string, x bigint, ts timestamp");
        let sql = format!(
            "SELECT x FROM (SELECT x, k FROM t WHERE x <> 3 LIMIT {inner}) WHERE x < 5 LIMIT {limit}"
        );
        let mut lanes = lanes;
        let mut run = Run::new(plan(&sql, &tables()).unwrap(), lanes, Mode::Append, false);
        let (mut all, mut found) = (Vec::new(), Vec::new());
        for epoch in &epochs {
            for (lane, (seconds, key, x)) in &epoch.rows {
                let json = format!(r#"{{"k":"{key}","x":{x},"ts":"{}"}}"#, time(*seconds));
                let batch = Batch::without_origin(from_json(&columns, &[&json]));
                run.push("t", lane % lanes, &batch);
                all.push(*x);
            }
            found.extend(to_json(&run.end_epoch()));
            if let Some(after) = epoch.restart {
                lanes = after;
                run.restart(lanes);
            }
        }
        let expected = all.into_iter().filter(|x| *x != 3).take(inner);
        let expected = expected.filter(|x| *x < 5).take(limit);
        let expected: Vec<String> = expected.map(|x| format!(r#"{{"x":{x}}}"#)).collect();
        prop_assert_eq!(found, expected);
    }
}

/// A row of ten thousand windows, more than once: no batch is larger than others are, which the
/// run itself looks at, and nothing is lost.
#[test]
fn many_windows_of_many_rows() {
    let columns = schema("k string, x bigint, ts timestamp");
    let sql = "SELECT w.end AS end, x FROM
               (SELECT window(ts, '10000 seconds', '1 second') AS w, x FROM t) WHERE x % 2 = 0";
    let mut run = Run::new(plan(sql, &tables()).unwrap(), 1, Mode::Append, false);
    let rows: Vec<String> = (0..7)
        .map(|x| format!(r#"{{"k":"a","x":{x},"ts":"{}"}}"#, time(x)))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    run.push("t", 0, &Batch::without_origin(from_json(&columns, &rows)));
    let found = run.end_epoch();
    let count: usize = found.iter().map(|rows| rows.num_rows()).sum();
    assert_eq!(count, 4 * 10_000);
}

/// A time that cannot be computed is its row's failure.
#[test]
fn a_row_whose_time_fails_is_rejected() {
    let columns = schema("k string, x bigint, ts timestamp");
    let sql =
        "SELECT x, window(CAST(k AS timestamp), '10 seconds', '5 seconds').start AS start FROM t";
    let mut run = Run::new(plan(sql, &tables()).unwrap(), 1, Mode::Append, false);
    let rows = [
        r#"{"k":"2026-01-01 00:00:07","x":1}"#,
        r#"{"k":"never","x":2}"#,
        r#"{"k":null,"x":3}"#,
        r#"{"k":"2026-01-01 00:00:12","x":4}"#,
    ];
    run.push("t", 0, &Batch::without_origin(from_json(&columns, &rows)));
    let found = to_json(&run.end_epoch());
    let expected = [
        r#"{"x":1,"start":"2026-01-01T00:00:05Z"}"#,
        r#"{"x":1,"start":"2026-01-01T00:00:00Z"}"#,
        r#"{"x":4,"start":"2026-01-01T00:00:10Z"}"#,
        r#"{"x":4,"start":"2026-01-01T00:00:05Z"}"#,
    ];
    assert_eq!(found, expected);
    let rejected: Vec<&str> = run.rejected.iter().map(|(row, _)| row.as_str()).collect();
    assert_eq!(rejected, [r#"{"k":"never","x":2,"ts":null}"#]);
}
