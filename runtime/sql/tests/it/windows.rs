//! Windows against a model that puts every row into each of its windows by hand, over random
//! epochs, lanes, restarts and disorder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use azud_model::{Batch, Clock, Mode, Watermark};
use azud_sql::{Table, Tables, UserFunctions, plan, plan_with};
use proptest::prelude::*;

use crate::history::{Epoch, Row, epochs, time};
use crate::support::{Run, from_json, schema, to_json};

#[derive(Clone, Copy, Debug)]
struct Shape {
    size: i64,
    slide: i64,
    delay: i64,
}

/// A window's start and key, and the numbers in it.
type Windows = BTreeMap<(i64, u8), Vec<i64>>;

fn shape() -> impl Strategy<Value = Shape> {
    (1..15_i64, 1..15_i64, 0..12_i64).prop_map(|(size, slide, delay)| Shape {
        size,
        slide: slide.min(size),
        delay,
    })
}

fn starts(of: i64, shape: Shape) -> impl Iterator<Item = i64> {
    (of - shape.size + 1..=of).filter(move |start| start.rem_euclid(shape.slide) == 0)
}

fn line(window: (i64, u8), numbers: &[i64]) -> String {
    format!(
        r#"{{"start":"{}","k":"{}","n":{},"s":{},"m":{}}}"#,
        time(window.0),
        window.1,
        numbers.len(),
        numbers.iter().sum::<i64>(),
        numbers.iter().max().unwrap_or(&0)
    )
}

fn lines(windows: &Windows, which: impl Fn(&(i64, u8)) -> bool) -> Vec<String> {
    let which = windows.iter().filter(|(window, _)| which(window));
    let mut lines: Vec<String> = which
        .map(|(window, numbers)| line(*window, numbers))
        .collect();
    lines.sort();
    lines
}

/// Who puts rows into their windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The aggregate, by panes.
    Panes,
    /// A subquery, which gives a row for each.
    Rows,
    /// Another node did: what comes are windows, whose length nobody knows.
    Node,
}

impl By {
    /// The table's columns, those of its event time, and the query.
    fn query(self, shape: Shape) -> (&'static str, &'static str, String) {
        let calls = "count(*) AS n, sum(x) AS s, max(x) AS m";
        let window = format!(
            "window(ts, '{} seconds', '{} seconds')",
            shape.size, shape.slide
        );
        let columns = "k string, x bigint, ts timestamp";
        match self {
            Self::Panes => {
                let sql =
                    format!("SELECT window.start AS start, k, {calls} FROM t GROUP BY {window}, k");
                (columns, "ts", sql)
            }
            Self::Rows => {
                let sql = format!(
                    "SELECT w.start AS start, k, {calls} FROM (SELECT {window} AS w, k, x FROM t)
                     GROUP BY w, k"
                );
                (columns, "ts", sql)
            }
            Self::Node => {
                let columns = "w struct<start:timestamp,end:timestamp>, k string, x bigint";
                let sql = format!("SELECT w.start AS start, k, {calls} FROM t GROUP BY w, k");
                (columns, "w", sql)
            }
        }
    }
}

/// A row of one window.
fn of_window(start: i64, shape: Shape, (_, key, x): Row) -> String {
    let (start, end) = (time(start), time(start + shape.size));
    format!(r#"{{"w":{{"start":"{start}","end":"{end}"}},"k":"{key}","x":{x}}}"#)
}

fn check(
    epochs: &[Epoch],
    shape: Shape,
    by: By,
    mode: Mode,
    mut lanes: usize,
) -> Result<(), TestCaseError> {
    let (columns, timed, sql) = by.query(shape);
    let columns = schema(columns);
    let table = Table {
        rows: None,
        schema: columns.clone(),
        times: azud_sql::Times {
            columns: vec![timed.to_owned()],
            delay: 0,
        },
    };
    let tables = Tables::from([("t".to_owned(), table)]);
    let mut run = Run::new(plan(&sql, &tables).unwrap(), lanes, mode, false);
    let mut windows = Windows::new();
    let (mut latest, mut reached) = (i64::MIN, i64::MIN);
    let mut late = Vec::new();
    for epoch in epochs {
        let mut touched = BTreeSet::new();
        for (lane, row @ (seconds, key, x)) in &epoch.rows {
            let json = format!(r#"{{"k":"{key}","x":{x},"ts":"{}"}}"#, time(*seconds));
            let all: Vec<i64> = starts(*seconds, shape).collect();
            let copies = all.iter().map(|start| of_window(*start, shape, *row));
            let copies: Vec<String> = copies.collect();
            let lines: Vec<&str> = match by {
                By::Node => copies.iter().map(String::as_str).collect(),
                By::Panes | By::Rows => vec![&json],
            };
            if !lines.is_empty() {
                let batch = Batch::without_origin(from_json(&columns, &lines));
                run.push("t", lane % lanes, &batch);
            }
            let keeps = mode == Mode::Complete;
            let open = |start: &i64| keeps || start + shape.size > reached;
            let own: Vec<i64> = all.iter().copied().filter(open).collect();
            match by {
                By::Panes if own.is_empty() && !all.is_empty() => late.push(json),
                By::Panes => {}
                By::Rows | By::Node => {
                    let closed = all.iter().zip(copies).filter(|(start, _)| !open(start));
                    late.extend(closed.map(|(_, copy)| copy));
                }
            }
            for start in own {
                windows.entry((start, *key)).or_default().push(row.2);
                touched.insert((start, *key));
            }
        }
        let before = reached;
        if latest > i64::MIN {
            reached = reached.max(latest - shape.delay);
        }
        let watermark = match reached {
            i64::MIN => i64::MIN,
            seconds => seconds * 1_000_000,
        };
        let mut found = to_json(&run.end_epoch_at(Watermark {
            time: watermark,
            ..Watermark::NONE
        }));
        found.sort();
        let end = |(start, _): &(i64, u8)| start + shape.size;
        let expected = match mode {
            Mode::Append => lines(&windows, |window| {
                end(window) > before && end(window) <= reached
            }),
            Mode::Update => lines(&windows, |window| touched.contains(window)),
            Mode::Complete => lines(&windows, |_| true),
        };
        prop_assert_eq!(found, expected);
        let rows = epoch.rows.iter().map(|(_, row)| row.0);
        latest = latest.max(rows.max().unwrap_or(i64::MIN));
        if let Some(after) = epoch.restart {
            lanes = after;
            run.restart(lanes);
        }
    }
    let mut found = run.late;
    found.sort();
    late.sort();
    prop_assert_eq!(found, late);
    Ok(())
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![Just(By::Panes), Just(By::Rows), Just(By::Node)]
}

proptest! {
    #[test]
    fn append(epochs in epochs(), shape in shape(), by in by(), lanes in 1..4_usize) {
        check(&epochs, shape, by, Mode::Append, lanes)?;
    }

    #[test]
    fn update(epochs in epochs(), shape in shape(), by in by(), lanes in 1..4_usize) {
        check(&epochs, shape, by, Mode::Update, lanes)?;
    }

    #[test]
    fn complete(epochs in epochs(), shape in shape(), by in by(), lanes in 1..4_usize) {
        check(&epochs, shape, by, Mode::Complete, lanes)?;
    }
}

/// A clock that anybody may set.
#[derive(Debug, Default)]
struct Settable(AtomicI64);

impl Clock for Settable {
    fn wall_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// What it puts into windows that are over counts in the first that is not; none is given twice.
#[test]
fn a_clock_that_is_set_back_makes_nothing_late() {
    let settable = Arc::new(Settable::default());
    let clock: Arc<dyn Clock> = settable.clone();
    let tables = Tables::from([("t".to_owned(), Table::from(schema("x bigint")))]);
    // The row at 4 s comes when the windows that it is in by the clock are over.
    let rows = [(3, 1, 12), (4, 2, 14), (29, 4, 60)];
    for (slide, expected) in [
        ("", [&[(0, 1)][..], &[], &[(10, 2), (20, 4)]]),
        (
            ", '5 seconds'",
            [
                &[(-5, 1), (0, 1)],
                &[],
                &[(5, 2), (10, 2), (20, 4), (25, 4)],
            ],
        ),
    ] {
        let sql = format!(
            "SELECT unix_seconds(window.start) AS w, sum(x) AS s FROM t
             GROUP BY window(now(), '10 seconds'{slide})"
        );
        let query = plan_with(&sql, &tables, &UserFunctions::new(), Some(&clock)).unwrap();
        let mut run = Run::new(query, 1, Mode::Append, false);
        for ((at, x, ends), expected) in rows.into_iter().zip(expected) {
            settable.0.store(at * 1_000, Ordering::Relaxed);
            let row = from_json(&schema("x bigint"), &[&format!(r#"{{"x":{x}}}"#)]);
            run.push("t", 0, &Batch::without_origin(row));
            let found = run.end_epoch_at(Watermark {
                time: ends * 1_000_000,
                ..Watermark::NONE
            });
            let expected = expected.iter();
            let expected: Vec<String> = expected
                .map(|(w, s)| format!(r#"{{"w":{w},"s":{s}}}"#))
                .collect();
            assert_eq!(to_json(&found), expected, "an epoch that ends at {ends} s");
        }
    }
}
