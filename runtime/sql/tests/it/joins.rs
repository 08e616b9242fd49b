//! Joins against a nested loop over all rows, over random epochs, lanes, restarts and disorder.

use azud_model::{Batch, Mode, Watermark};
use azud_sql::{Table, Tables, Times, plan};
use proptest::prelude::*;

use crate::history::time;
use crate::support::{Run, from_json, schema, to_json};

/// Seconds of a row, its key, if it has one, and its number.
type Row = (i64, Option<u8>, usize);

#[derive(Clone, Debug)]
struct Epoch {
    /// Lanes and rows of the left side, and of the right.
    rows: [Vec<(usize, Row)>; 2],
    /// How many lanes there are after a restart that follows.
    restart: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    kind: &'static str,
    /// The right side's time less the left side's is between these.
    from: i64,
    length: i64,
    delay: i64,
}

fn epochs() -> impl Strategy<Value = Vec<Epoch>> {
    let row = (
        0..4_usize,
        (-25..5_i64, prop::option::weighted(0.9, 0..3_u8)),
    );
    let rows = || prop::collection::vec(row.clone(), 0..6);
    let restart = prop::option::weighted(0.25, 1..4_usize);
    let epoch = (rows(), rows(), restart, 0..20_i64);
    prop::collection::vec(epoch, 1..10).prop_map(|epochs| {
        let (mut now, mut number) = (100, 0);
        let mut made = Vec::new();
        for (left, right, restart, step) in epochs {
            now += step;
            let rows = [left, right].map(|rows| {
                let rows = rows.into_iter().map(|(lane, (behind, key))| {
                    number += 1;
                    (lane, (now + behind, key, number))
                });
                rows.collect()
            });
            made.push(Epoch { rows, restart });
        }
        made
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let kind = prop::sample::select(vec!["", "LEFT", "RIGHT", "FULL", "LEFT SEMI"]);
    (kind, -15..15_i64, 0..15_i64, 0..12_i64).prop_map(|(kind, from, length, delay)| Shape {
        kind,
        from,
        length,
        delay,
    })
}

fn line(left: Option<&Row>, right: Option<&Row>, semi: bool) -> String {
    let number = |row: Option<&Row>| row.map_or("null".to_owned(), |row| row.2.to_string());
    match semi {
        true => format!(r#"{{"v":{}}}"#, number(left)),
        false => format!(r#"{{"v":{},"w":{}}}"#, number(left), number(right)),
    }
}

/// What the join gives of all rows that are not late.
fn nested_loop(left: &[Row], right: &[Row], shape: Shape) -> Vec<String> {
    let matches = |a: &Row, b: &Row| {
        let apart = b.0 - a.0;
        a.1.is_some() && a.1 == b.1 && (shape.from..=shape.from + shape.length).contains(&apart)
    };
    let semi = shape.kind == "LEFT SEMI";
    let mut lines = Vec::new();
    for a in left {
        let mut own = right.iter().filter(|b| matches(a, b));
        if semi {
            lines.extend(own.next().map(|_| line(Some(a), None, true)));
        } else {
            lines.extend(own.map(|b| line(Some(a), Some(b), false)));
        }
    }
    if matches!(shape.kind, "LEFT" | "FULL") {
        let alone = left.iter().filter(|a| !right.iter().any(|b| matches(a, b)));
        lines.extend(alone.map(|a| line(Some(a), None, false)));
    }
    if matches!(shape.kind, "RIGHT" | "FULL") {
        let alone = right.iter().filter(|b| !left.iter().any(|a| matches(a, b)));
        lines.extend(alone.map(|b| line(None, Some(b), false)));
    }
    lines.sort();
    lines
}

fn check(epochs: &[Epoch], shape: Shape, mut lanes: usize) -> Result<(), TestCaseError> {
    let columns = [
        schema("k string, v bigint, ts timestamp"),
        schema("k string, w bigint, ts timestamp"),
    ];
    let table = |columns: &arrow::datatypes::SchemaRef| Table {
        rows: None,
        schema: columns.clone(),
        times: Times {
            columns: vec!["ts".to_owned()],
            delay: shape.delay * 1_000_000,
        },
    };
    let tables = Tables::from([
        ("a".to_owned(), table(&columns[0])),
        ("b".to_owned(), table(&columns[1])),
    ]);
    let selected = if shape.kind == "LEFT SEMI" {
        "v"
    } else {
        "v, w"
    };
    let sql = format!(
        "SELECT {selected} FROM a {} JOIN b ON a.k = b.k \
         AND b.ts >= a.ts + INTERVAL '{}' SECOND AND b.ts <= a.ts + INTERVAL '{}' SECOND",
        shape.kind,
        shape.from,
        shape.from + shape.length,
    );
    let mut run = Run::new(plan(&sql, &tables).unwrap(), lanes, Mode::Append, false);
    let mut kept: [Vec<Row>; 2] = Default::default();
    let (mut latest, mut reached) = ([i64::MIN; 2], i64::MIN);
    let mut found = Vec::new();
    let mut late = 0;
    for epoch in epochs {
        for (side, rows) in epoch.rows.iter().enumerate() {
            for (lane, row @ (seconds, key, number)) in rows {
                let key = key.map_or("null".to_owned(), |key| format!("\"{key}\""));
                let name = ["v", "w"][side];
                let json = format!(
                    r#"{{"k":{key},"{name}":{number},"ts":"{}"}}"#,
                    time(*seconds)
                );
                let batch = Batch::without_origin(from_json(&columns[side], &[&json]));
                run.push(["a", "b"][side], lane % lanes, &batch);
                match *seconds <= reached {
                    true => late += 1,
                    false => kept[side].push(*row),
                }
            }
        }
        let both = latest[0].min(latest[1]);
        if both > i64::MIN {
            reached = reached.max(both - shape.delay);
        }
        let watermark = match reached {
            i64::MIN => i64::MIN,
            seconds => seconds * 1_000_000,
        };
        found.extend(to_json(&run.end_epoch_at(Watermark {
            time: watermark,
            ..Watermark::NONE
        })));
        for (latest, rows) in latest.iter_mut().zip(&epoch.rows) {
            let seconds = rows.iter().map(|(_, row)| row.0);
            *latest = (*latest).max(seconds.max().unwrap_or(i64::MIN));
        }
        if let Some(after) = epoch.restart {
            lanes = after;
            run.restart(lanes);
        }
    }
    found.extend(to_json(&run.end_epoch_at(Watermark::END)));
    found.sort();
    prop_assert_eq!(found, nested_loop(&kept[0], &kept[1], shape));
    prop_assert_eq!(run.late.len(), late);
    Ok(())
}

proptest! {
    #[test]
    fn bounded_joins_are_nested_loops(
        epochs in epochs(), shape in shape(), lanes in 1..4_usize,
    ) {
        check(&epochs, shape, lanes)?;
    }
}

/// The row that came last is to blame, and is shown as its node has it; pairs of others go on,
/// also where the condition fails for a whole batch and for none of its pairs alone.
#[test]
fn a_condition_that_fails_rejects_a_row_and_not_its_neighbours() {
    let tables = Tables::from([
        ("a".to_owned(), Table::from(schema("k string, v bigint"))),
        ("b".to_owned(), Table::from(schema("k string, w bigint"))),
    ]);
    let run = |condition: &str| {
        let sql = format!("SELECT v, w FROM a JOIN b ON a.k = b.k AND {condition}");
        let mut run = Run::new(plan(&sql, &tables).unwrap(), 2, Mode::Append, false);
        let b = [r#"{"k":"x","w":2}"#, r#"{"k":"x","w":5}"#];
        let b = from_json(&schema("k string, w bigint"), &b);
        run.push("b", 0, &Batch::without_origin(b));
        let a = [1, 2, 3].map(|v| format!(r#"{{"k":"x","v":{v}}}"#));
        let a = a.each_ref().map(String::as_str);
        let a = from_json(&schema("k string, v bigint"), &a);
        run.push("a", 1, &Batch::without_origin(a));
        let mut found = to_json(&run.end_epoch());
        found.sort();
        (found, run.rejected)
    };
    let (found, rejected) = run("10 / (v - 2) > -100");
    let pairs = [(1, 2), (1, 5), (3, 2), (3, 5)];
    let pairs = pairs.map(|(v, w)| format!(r#"{{"v":{v},"w":{w}}}"#));
    assert_eq!(found, pairs);
    let row = r#"{"k":"x","v":2}"#.to_owned();
    assert_eq!(rejected, [(row, "division by zero".to_owned())]);
    // AND stops before what fails where one pair is tried, and goes on for a batch.
    let (found, rejected) = run("v <> w AND 10 / (v - w) > -100");
    let pairs = [(1, 2), (1, 5), (2, 5), (3, 2), (3, 5)];
    let pairs = pairs.map(|(v, w)| format!(r#"{{"v":{v},"w":{w}}}"#));
    assert_eq!(found, pairs);
    assert_eq!(rejected, []);
}
