//! Windows against a model that puts every row into each of its windows by hand, over random
//! epochs, lanes, restarts and disorder.

use std::collections::{BTreeMap, BTreeSet};

use azud_model::{Batch, Mode, Watermark};
use azud_sql::{Table, Tables, plan};
use proptest::prelude::*;

use crate::history::{Epoch, epochs, time};
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

fn check(
    epochs: &[Epoch],
    shape: Shape,
    mode: Mode,
    mut lanes: usize,
) -> Result<(), TestCaseError> {
    let columns = schema("k string, x bigint, ts timestamp");
    let table = Table {
        rows: None,
        schema: columns.clone(),
        times: azud_sql::Times {
            columns: vec!["ts".to_owned()],
            delay: 0,
        },
    };
    let tables = Tables::from([("t".to_owned(), table)]);
    let sql = format!(
        "SELECT window.start AS start, k, count(*) AS n, sum(x) AS s, max(x) AS m FROM t \
         GROUP BY window(ts, '{} seconds', '{} seconds'), k",
        shape.size, shape.slide
    );
    let mut run = Run::new(plan(&sql, &tables).unwrap(), lanes, mode, false);
    let mut windows = Windows::new();
    let (mut latest, mut reached) = (i64::MIN, i64::MIN);
    let mut late = Vec::new();
    for epoch in epochs {
        let mut touched = BTreeSet::new();
        for (lane, row @ (seconds, key, x)) in &epoch.rows {
            let json = format!(r#"{{"k":"{key}","x":{x},"ts":"{}"}}"#, time(*seconds));
            let batch = Batch::without_origin(from_json(&columns, &[&json]));
            run.push("t", lane % lanes, &batch);
            let keeps = mode == Mode::Complete;
            let open = |start: &i64| keeps || start + shape.size > reached;
            let own: Vec<i64> = starts(*seconds, shape).filter(open).collect();
            if own.is_empty() && starts(*seconds, shape).next().is_some() {
                late.push(json);
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

proptest! {
    #[test]
    fn append(epochs in epochs(), shape in shape(), lanes in 1..4_usize) {
        check(&epochs, shape, Mode::Append, lanes)?;
    }

    #[test]
    fn update(epochs in epochs(), shape in shape(), lanes in 1..4_usize) {
        check(&epochs, shape, Mode::Update, lanes)?;
    }

    #[test]
    fn complete(epochs in epochs(), shape in shape(), lanes in 1..4_usize) {
        check(&epochs, shape, Mode::Complete, lanes)?;
    }
}
