//! Sessions and duplicates against models that take row by row, over random epochs, lanes,
//! restarts and disorder.

use std::collections::BTreeMap;

use azud_model::{Batch, Mode, Watermark};
use azud_sql::{Table, Tables, Times, plan};
use proptest::prelude::*;

use crate::history::{Epoch, Row, epochs, time};
use crate::support::{Run, from_json, schema, to_json};

/// What takes rows one by one, and knows what must come of them.
trait Model {
    /// A row, when the watermark was there as the epoch began; answers whether it is late.
    fn row(&mut self, row: Row, watermark: i64) -> bool;

    /// What the epoch gives, when the watermark has come so far.
    fn end(&mut self, watermark: i64) -> Vec<String>;
}

fn check(
    sql: &str,
    delay: i64,
    mode: Mode,
    epochs: &[Epoch],
    mut lanes: usize,
    model: &mut impl Model,
) -> Result<(), TestCaseError> {
    let columns = schema("k string, x bigint, ts timestamp");
    let table = Table {
        rows: None,
        schema: columns.clone(),
        times: Times {
            columns: vec!["ts".to_owned()],
            delay: delay * 1_000_000,
        },
    };
    let tables = Tables::from([("t".to_owned(), table)]);
    let mut run = Run::new(plan(sql, &tables).unwrap(), lanes, mode, false);
    let (mut latest, mut reached) = (i64::MIN, i64::MIN);
    let mut late = 0;
    for epoch in epochs {
        for (lane, row @ (seconds, key, x)) in &epoch.rows {
            let json = format!(r#"{{"k":"{key}","x":{x},"ts":"{}"}}"#, time(*seconds));
            let batch = Batch::without_origin(from_json(&columns, &[&json]));
            run.push("t", lane % lanes, &batch);
            late += usize::from(model.row(*row, reached));
        }
        if latest > i64::MIN {
            reached = reached.max(latest - delay);
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
        let mut expected = model.end(reached);
        expected.sort();
        prop_assert_eq!(found, expected);
        let rows = epoch.rows.iter().map(|(_, row)| row.0);
        latest = latest.max(rows.max().unwrap_or(i64::MIN));
        if let Some(after) = epoch.restart {
            lanes = after;
            run.restart(lanes);
        }
    }
    prop_assert_eq!(run.late.len(), late);
    Ok(())
}

struct Sessions {
    gap: i64,
    mode: Mode,
    /// Key, start, end, numbers.
    open: Vec<(u8, i64, i64, Vec<i64>)>,
}

impl Model for Sessions {
    fn row(&mut self, (seconds, key, x): Row, watermark: i64) -> bool {
        if seconds + self.gap <= watermark {
            return true;
        }
        let mut new = (key, seconds, seconds + self.gap, vec![x]);
        let touches = |(of, start, end, _): &(u8, i64, i64, Vec<i64>)| {
            *of == key && *start <= new.2 && new.1 <= *end
        };
        let (own, others): (Vec<_>, Vec<_>) = self.open.drain(..).partition(touches);
        self.open = others;
        for (_, start, end, numbers) in own {
            new.1 = new.1.min(start);
            new.2 = new.2.max(end);
            new.3.extend(numbers);
        }
        self.open.push(new);
        false
    }

    fn end(&mut self, watermark: i64) -> Vec<String> {
        let line = |(key, start, end, numbers): &(u8, i64, i64, Vec<i64>)| {
            format!(
                r#"{{"start":"{}","end":"{}","k":"{key}","n":{},"s":{}}}"#,
                time(*start),
                time(*end),
                numbers.len(),
                numbers.iter().sum::<i64>()
            )
        };
        if self.mode == Mode::Complete {
            return self.open.iter().map(line).collect();
        }
        let (closed, open): (Vec<_>, Vec<_>) = self
            .open
            .drain(..)
            .partition(|session| session.2 <= watermark);
        self.open = open;
        closed.iter().map(line).collect()
    }
}

/// Keys, and when each is forgotten.
struct Within {
    delay: i64,
    known: BTreeMap<u8, i64>,
    given: Vec<String>,
}

impl Model for Within {
    fn row(&mut self, (seconds, key, x): Row, watermark: i64) -> bool {
        if seconds <= watermark {
            return true;
        }
        let is_known = self.known.get(&key).is_some_and(|until| *until > watermark);
        if !is_known {
            self.known.insert(key, seconds + self.delay);
            self.given.push(format!(r#"{{"k":"{key}","x":{x}}}"#));
        }
        false
    }

    fn end(&mut self, _watermark: i64) -> Vec<String> {
        std::mem::take(&mut self.given)
    }
}

/// Keys with their times: one is known for as long as it is not late.
#[derive(Default)]
struct Distinct {
    known: Vec<(u8, i64)>,
    given: Vec<String>,
}

impl Model for Distinct {
    fn row(&mut self, (seconds, key, x): Row, watermark: i64) -> bool {
        if seconds <= watermark {
            return true;
        }
        if !self.known.contains(&(key, seconds)) {
            self.known.push((key, seconds));
            self.given.push(format!(r#"{{"k":"{key}","x":{x}}}"#));
        }
        false
    }

    fn end(&mut self, _watermark: i64) -> Vec<String> {
        std::mem::take(&mut self.given)
    }
}

fn sessions(
    gap: i64,
    delay: i64,
    mode: Mode,
    epochs: &[Epoch],
    lanes: usize,
) -> Result<(), TestCaseError> {
    let sql = format!(
        "SELECT session_window.start AS start, session_window.end AS end, k, count(*) AS n, \
         sum(x) AS s FROM t GROUP BY session_window(ts, '{gap} seconds'), k"
    );
    let mut model = Sessions {
        gap,
        mode,
        open: Vec::new(),
    };
    check(&sql, delay, mode, epochs, lanes, &mut model)
}

proptest! {
    #[test]
    fn sessions_in_append(
        epochs in epochs(), gap in 1..15_i64, delay in 0..12_i64, lanes in 1..4_usize,
    ) {
        sessions(gap, delay, Mode::Append, &epochs, lanes)?;
    }

    #[test]
    fn sessions_in_complete(
        epochs in epochs(), gap in 1..15_i64, delay in 0..12_i64, lanes in 1..4_usize,
    ) {
        sessions(gap, delay, Mode::Complete, &epochs, lanes)?;
    }

    #[test]
    fn duplicates_within_the_watermark(
        epochs in epochs(), delay in 0..12_i64, lanes in 1..4_usize,
    ) {
        let sql = "SELECT k, x FROM dropDuplicatesWithinWatermark(t, k)";
        let mut model = Within { delay, known: BTreeMap::new(), given: Vec::new() };
        check(sql, delay, Mode::Append, &epochs, lanes, &mut model)?;
    }

    #[test]
    fn duplicates_by_key_and_time(
        epochs in epochs(), delay in 0..12_i64, lanes in 1..4_usize,
    ) {
        let sql = "SELECT k, x FROM dropDuplicates(t, k, ts)";
        check(sql, delay, Mode::Append, &epochs, lanes, &mut Distinct::default())?;
    }
}

fn row(columns: &arrow::datatypes::SchemaRef, json: &str) -> Batch {
    Batch::without_origin(from_json(columns, &[json]))
}

/// What a later run puts is there after a crash of it, and what the end closed is not.
#[test]
fn a_run_after_the_end_keeps_what_it_puts() {
    let columns = schema("k string, x bigint, ts timestamp");
    let table = Table {
        rows: None,
        schema: columns.clone(),
        times: Times {
            columns: vec!["ts".to_owned()],
            delay: 0,
        },
    };
    let tables = Tables::from([("t".to_owned(), table)]);
    let queries = [
        "SELECT x FROM dropDuplicates(t, k, ts)",
        "SELECT x FROM dropDuplicatesWithinWatermark(t, k)",
        // One side is kept for ever.
        "SELECT a.x FROM t a LEFT SEMI JOIN t b ON a.k = b.k AND a.x > b.x AND b.ts <= a.ts",
    ];
    for (number, sql) in queries.into_iter().enumerate() {
        let plan = plan(sql, &tables).unwrap();
        let mut run = Run::new(plan, 1, Mode::Append, false);
        let first = r#"{"k":"a","x":1,"ts":"1970-01-01T00:01:40Z"}"#;
        run.push("t", 0, &row(&columns, first));
        run.end_epoch_at(Watermark::END);
        let closed = 100_000_000;
        let later = Watermark {
            closed,
            ..Watermark::NONE
        };
        run.later(2, closed);
        let second = r#"{"k":"a","x":2,"ts":"1970-01-01T00:03:20Z"}"#;
        run.push("t", 0, &row(&columns, second));
        let found = to_json(&run.end_epoch_at(later));
        assert_eq!(found, [r#"{"x":2}"#], "{sql}");
        run.later(3, closed);
        run.push("t", 0, &row(&columns, second));
        let found = to_json(&run.end_epoch_at(later));
        let expected: &[&str] = if number == 2 { &[r#"{"x":2}"#] } else { &[] };
        assert_eq!(found, expected, "{sql}");
    }
}
