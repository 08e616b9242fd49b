//! Watermarks within epochs: what is closed between two rows is what would be closed if an epoch
//! had ended there.

use azud_model::{Batch, Mode, Watermark};
use azud_sql::{Table, Tables, plan};
use proptest::prelude::*;

use crate::history::{Epoch, epochs, time};
use crate::support::{Run, from_json, schema, to_json};

const QUERIES: [&str; 7] = [
    "SELECT window.start AS start, k, count(*) AS n, sum(x) AS s FROM t \
     GROUP BY window(ts, '4 seconds'), k",
    "SELECT window.start AS start, k, count(*) AS n, max(x) AS m FROM t \
     GROUP BY window(ts, '9 seconds', '2 seconds'), k",
    "SELECT window.start AS start, max(n) AS m FROM \
     (SELECT window, k, count(*) AS n FROM t GROUP BY window(ts, '3 seconds'), k) \
     GROUP BY window(window, '9 seconds')",
    "SELECT session_window.start AS start, session_window.end AS end, k, sum(x) AS s FROM t \
     GROUP BY session_window(ts, '3 seconds'), k",
    "SELECT ts, count(*) AS n FROM t GROUP BY ts",
    "SELECT a.k, a.x AS ax, b.x AS bx, a.ts FROM t a LEFT JOIN t b \
     ON a.k = b.k AND b.ts > a.ts AND b.ts <= a.ts + INTERVAL '3' SECOND",
    "SELECT * FROM dropDuplicatesWithinWatermark(t, k)",
];

/// All rows that came out and all that were late, where epochs end as `ends` says, and only the
/// watermark moves elsewhere.
fn rows(
    sql: &str,
    epochs: &[Epoch],
    delay: i64,
    mut lanes: usize,
    mut ends: impl Iterator<Item = bool>,
) -> (Vec<String>, Vec<String>) {
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
    let mut run = Run::new(plan(sql, &tables).unwrap(), lanes, Mode::Append, false);
    let mut watermark = Watermark::NONE;
    let mut found = Vec::new();
    for epoch in epochs {
        for (lane, (seconds, key, x)) in &epoch.rows {
            let json = format!(r#"{{"k":"{key}","x":{x},"ts":"{}"}}"#, time(*seconds));
            let batch = Batch::without_origin(from_json(&columns, &[&json]));
            run.push("t", lane % lanes, &batch);
        }
        let latest = epoch.rows.iter().map(|(_, row)| row.0).max();
        let reached = latest.map_or(i64::MIN, |latest| (latest - delay) * 1_000_000);
        watermark.time = watermark.time.max(reached);
        if ends.next().unwrap_or(true) {
            found.extend(run.end_epoch_at(watermark));
            if let Some(after) = epoch.restart {
                lanes = after;
                run.restart(lanes);
            }
        } else {
            found.extend(run.watermark(watermark));
        }
    }
    found.extend(run.end_epoch_at(Watermark::END));
    let mut found = to_json(&found);
    found.sort();
    run.late.sort();
    (found, run.late)
}

proptest! {
    #[test]
    fn as_if_an_epoch_had_ended(
        epochs in epochs(),
        delay in 0..6_i64,
        lanes in 1..4_usize,
        ends in prop::collection::vec(any::<bool>(), 20),
    ) {
        for sql in QUERIES {
            let each = rows(sql, &epochs, delay, lanes, std::iter::repeat(true));
            let some = rows(sql, &epochs, delay, lanes, ends.iter().copied());
            prop_assert_eq!(some, each, "{}", sql);
        }
    }
}
