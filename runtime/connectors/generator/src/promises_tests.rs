//! What the options promise of rows, value by value.

use std::time::Duration;

use azud_connect::{Framing, row_json};
use azud_model::{ErrorKind, ManualClock};
use serde_json::{Value, json};

use super::*;

fn context(lanes: usize, finite: bool, clock: &Arc<ManualClock>) -> SourceContext {
    SourceContext {
        pipeline: "test".into(),
        node: "in".into(),
        directory: ".".into(),
        lanes,
        finite,
        framing: Framing::Lines,
        metadata: Vec::new(),
        clock: clock.clone(),
    }
}

fn generator(options: Value, lanes: usize, finite: bool) -> Result<Generator> {
    let clock = Arc::new(ManualClock::at(1_767_225_601_050));
    let options = azud_connect::options(options)?;
    Generator::new(&options, &context(lanes, finite, &clock))
}

async fn drain(readers: Vec<Box<dyn SourceReader>>, rows: &mut Vec<(u64, String)>) {
    for mut reader in readers {
        while let Read::Records(records) = reader.next().await.unwrap() {
            assert!(records.len() <= CHUNK_RECORDS);
            let batch = records.metadata.unwrap();
            for row in 0..batch.num_rows() {
                let json = String::from_utf8(row_json(&batch, row)).unwrap();
                rows.push((records.first + row as u64, json));
            }
        }
    }
    rows.sort();
}

/// Every row with its number, in order.
async fn rows(options: Value, lanes: usize) -> Vec<(u64, String)> {
    let generator = generator(options, lanes, true).unwrap();
    let mut rows = Vec::new();
    drain(generator.open(&[]).await.unwrap(), &mut rows).await;
    rows
}

/// The values of one column, as JSON.
async fn column(settings: Value, count: u64) -> Vec<String> {
    let rows = rows(json!({ "rows": count, "columns": { "a": settings } }), 1).await;
    let value = |(_, json): (u64, String)| {
        let row: Value = serde_json::from_str(&json).unwrap();
        row.get("a").unwrap_or(&Value::Null).to_string()
    };
    rows.into_iter().map(value).collect()
}

fn every_type(rows: u64) -> Value {
    json!({
        "rows": rows, "seed": 7,
        "columns": {
            "id": { "type": "bigint", "sequence": true, "min": 10 },
            "user": { "type": "string", "values": ["a", "b"], "null_ratio": 0.1 },
            "n": { "type": "int", "min": -5, "max": 5 },
            "b": "boolean", "t": "tinyint", "s": "smallint", "d": "double", "f": "float",
            "m": { "type": "decimal(10,2)", "min": 1.5, "max": 2 },
            "w": "string", "x": { "type": "binary", "length": 3 },
            "day": { "type": "date", "min": "2026-02-01", "max": "2026-02-02" },
            "at": "timestamp",
            "l": { "type": "array<int>", "values": [[1], []] },
        }
    })
}

/// If this changes, every demo and benchmark gets other rows: a change to announce.
#[tokio::test]
async fn golden_rows() {
    let found: Vec<_> = rows(every_type(3), 1)
        .await
        .into_iter()
        .map(|(_, row)| row)
        .collect();
    assert_eq!(found, GOLDEN);
}

const GOLDEN: [&str; 3] = [
    r#"{"id":10,"user":"b","n":0,"b":true,"t":11,"s":69,"d":0.6101411509244717,"f":0.17848174,"m":1.96,"w":"gkqecgohki","x":"DDx5","day":"2026-02-01","at":"2026-01-01T00:00:01.050000Z","l":[1]}"#,
    r#"{"id":11,"user":"a","n":0,"b":true,"t":30,"s":64,"d":0.9530848807344467,"f":0.5217965,"m":1.62,"w":"moascyhrzv","x":"chc8","day":"2026-02-01","at":"2026-01-01T00:00:01.050000Z","l":[1]}"#,
    r#"{"id":12,"user":"a","n":-3,"b":false,"t":16,"s":27,"d":0.5831453226914131,"f":0.146634,"m":1.71,"w":"ekquvorsiw","x":"fwXd","day":"2026-02-01","at":"2026-01-01T00:00:01.050000Z","l":[]}"#,
];

#[tokio::test]
async fn a_column_is_the_same_beside_others() {
    let beside: Vec<_> = rows(every_type(50), 1).await;
    let alone = rows(
        json!({ "rows": 50, "seed": 7, "columns": { "d": "double" } }),
        1,
    )
    .await;
    for (beside, alone) in beside.iter().zip(&alone) {
        let beside: Value = serde_json::from_str(&beside.1).unwrap();
        let alone: Value = serde_json::from_str(&alone.1).unwrap();
        assert_eq!(beside["d"], alone["d"]);
    }
}

#[tokio::test]
async fn resumed_at_another_parallelism_no_row_is_lost_or_doubled() {
    let expected = rows(every_type(50_000), 1).await;
    let before = generator(every_type(50_000), 3, true).unwrap();
    let mut readers = before.open(&[]).await.unwrap();
    let (mut found, mut positions) = (Vec::new(), Vec::new());
    for (reader, chunks) in readers.iter_mut().zip([2, 0, 1]) {
        for _ in 0..chunks {
            let Read::Records(records) = reader.next().await.unwrap() else {
                panic!()
            };
            let batch = records.metadata.unwrap();
            found.extend((0..batch.num_rows()).map(|row| {
                let json = String::from_utf8(row_json(&batch, row)).unwrap();
                (records.first + row as u64, json)
            }));
        }
        positions.extend(reader.positions());
    }
    let after = generator(every_type(50_000), 2, true).unwrap();
    drain(after.open(&positions).await.unwrap(), &mut found).await;
    assert_eq!(found, expected);
}

#[tokio::test]
async fn sequences_and_choices() {
    assert_eq!(
        column(json!({ "type": "int", "sequence": true }), 3).await,
        ["0", "1", "2"]
    );
    let wrapping = json!({ "type": "tinyint", "min": 126, "sequence": true });
    assert_eq!(column(wrapping, 4).await, ["126", "127", "126", "127"]);
    let steps = json!({ "type": "decimal(5,2)", "min": 1.5, "max": 2, "sequence": 0.25 });
    assert_eq!(column(steps, 4).await, ["1.5", "1.75", "2.0", "1.5"]);
    let steps = json!({ "type": "double", "min": 1, "max": 1.5, "sequence": 0.25 });
    assert_eq!(column(steps, 4).await, ["1.0", "1.25", "1.5", "1.0"]);
    let steps = json!({ "type": "double", "max": 0.75, "sequence": 0.25 });
    assert_eq!(
        column(steps, 5).await,
        ["0.0", "0.25", "0.5", "0.75", "0.0"]
    );
    let tenths = json!({ "type": "double", "max": 0.3, "sequence": 0.1 });
    let tenths = column(tenths, 5).await;
    assert_eq!(tenths[0], tenths[4]);
    assert_ne!(tenths[0], tenths[3]);
    let times = json!({ "type": "timestamp", "min": "2026-01-01T00:00:00Z", "sequence": "500ms" });
    let expected = [
        "\"2026-01-01T00:00:00Z\"",
        "\"2026-01-01T00:00:00.500000Z\"",
    ];
    assert_eq!(column(times, 2).await, expected);
    let days =
        json!({ "type": "date", "min": "2024-02-28", "max": "2024-02-29", "sequence": "1d" });
    assert_eq!(
        column(days, 3).await,
        ["\"2024-02-28\"", "\"2024-02-29\"", "\"2024-02-28\""]
    );
    let turns = json!({ "type": "string", "values": ["x", "y"], "sequence": true });
    assert_eq!(column(turns, 3).await, ["\"x\"", "\"y\"", "\"x\""]);
}

#[tokio::test]
async fn a_plain_timestamp_is_the_clock() {
    let expected = ["\"2026-01-01T00:00:01.050000Z\""; 2];
    assert_eq!(column(json!("timestamp"), 2).await, expected);
    assert_eq!(column(json!("date"), 1).await, ["\"2026-01-01\""]);
}

#[tokio::test]
async fn values_keep_to_what_was_asked_for() {
    let nulls = column(json!({ "type": "int", "null_ratio": 0.25 }), 10_000).await;
    let nulls = nulls.iter().filter(|value| *value == "null").count();
    assert!((2300..2700).contains(&nulls), "{nulls} nulls");
    let all = column(json!({ "type": "string", "null_ratio": 1 }), 100).await;
    assert!(all.iter().all(|value| value == "null"));
    for value in column(json!({ "type": "int", "min": -2, "max": 2 }), 1000).await {
        assert!((-2..=2).contains(&value.parse::<i64>().unwrap()));
    }
    for value in column(json!("double"), 1000).await {
        assert!((0.0..1.0).contains(&value.parse::<f64>().unwrap()));
    }
    for value in column(json!({ "type": "string", "length": 4 }), 100).await {
        assert_eq!(value.len(), 4 + 2);
    }
    let one = json!({ "type": "bigint", "min": i64::MIN, "max": i64::MAX });
    assert_ne!(column(one.clone(), 2).await[0], column(one, 2).await[1]);
}

#[tokio::test]
async fn wide_rows_come_in_smaller_chunks() {
    let wide = json!({ "type": "string", "length": 65_536 });
    let options = json!({ "rows": 40, "columns": { "a": wide } });
    let mut reader = generator(options, 1, true)
        .unwrap()
        .open(&[])
        .await
        .unwrap()
        .remove(0);
    let mut chunks = Vec::new();
    while let Read::Records(records) = reader.next().await.unwrap() {
        chunks.push(records.len());
    }
    assert_eq!(chunks, [16, 16, 8]);
}

#[tokio::test]
async fn rows_come_at_their_rate_and_catch_up() {
    let clock = Arc::new(ManualClock::at(0));
    let options = json!({ "rows_per_second": 100, "columns": { "a": "bigint" } });
    let options = azud_connect::options(options).unwrap();
    let generator = Generator::new(&options, &context(2, false, &clock)).unwrap();
    let mut readers = generator.open(&[]).await.unwrap();
    let mut next = async |reader: usize| {
        let wait = Duration::from_millis(30);
        let read = tokio::time::timeout(wait, readers[reader].next())
            .await
            .ok()?;
        let Read::Records(records) = read.unwrap() else {
            panic!()
        };
        Some((records.first, records.len()))
    };
    assert_eq!(next(0).await, Some((0, 1)));
    // Cancelled while it waits: nothing is lost.
    assert_eq!(next(0).await, None);
    clock.advance(Duration::from_millis(55));
    assert_eq!(next(0).await, Some((1, 5)));
    // The other reader's first row is number 4096.
    assert_eq!(next(1).await, None);
    clock.advance(Duration::from_secs(60));
    assert_eq!(next(0).await, Some((6, 4090)));
    assert_eq!(next(0).await, None);
    assert_eq!(next(1).await, Some((4096, 1910)));
}

#[tokio::test]
async fn a_source_that_has_ended_gives_no_row() {
    let none = generator(json!({ "rows": 0, "columns": { "a": "int" } }), 2, true).unwrap();
    for mut reader in none.open(&[]).await.unwrap() {
        assert!(matches!(reader.next().await.unwrap(), Read::End));
        assert!(reader.positions().is_empty());
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (settings, expected) in [
        (
            json!("array<int>"),
            "array<int> is made of `values` only: list some, or build it in SQL",
        ),
        (
            json!({ "type": "int", "min": 2, "max": 1 }),
            "`min` 2 is greater than `max` 1",
        ),
        (
            json!({ "type": "int", "min": 200 }),
            "`min` 200 is greater than the default `max`: give a `max`",
        ),
        (
            json!({ "type": "double", "min": 2 }),
            "`min` 2 is greater than the default `max`: give a `max`",
        ),
        (
            json!({ "type": "int", "max": -1 }),
            "the default `min` is greater than `max` -1: give a `min`",
        ),
        (
            json!({ "type": "date", "min": "2026-01-01" }),
            "`min` without `max`: give both, or a `sequence`",
        ),
        (
            json!({ "type": "string", "min": 1 }),
            "`min` means nothing for string",
        ),
        (
            json!({ "type": "int", "length": 1 }),
            "`length` means nothing for int",
        ),
        (
            json!({ "type": "int", "values": [1], "max": 1 }),
            "`max` means nothing beside `values`",
        ),
        (json!({ "type": "int", "values": [] }), "`values` is empty"),
        (
            json!({ "type": "int", "values": [null] }),
            "null is no value: use `null_ratio`",
        ),
        (
            json!({ "type": "int", "null_ratio": 1.5 }),
            "`null_ratio` must be from 0 to 1, found 1.5",
        ),
        (
            json!({ "type": "int", "sequence": 0 }),
            "`sequence` must be `true` or a number above 0",
        ),
        (
            json!({ "type": "double", "sequence": -1 }),
            "`sequence` must be `true` or a number above 0",
        ),
        (
            json!({ "type": "timestamp", "sequence": 5 }),
            "`sequence` must be `true` or a duration above 0, such as 1s",
        ),
        (
            json!({ "type": "date", "sequence": "1h" }),
            "`sequence` must be `true` or whole days above 0, such as 1d",
        ),
        (
            json!({ "type": "string", "length": 65_537 }),
            "`length` must be at most 65536, found 65537",
        ),
        (
            json!({ "type": "decimal(38,0)", "max": 1e19 }),
            "1e+19 has more than 18 digits",
        ),
    ] {
        let options = json!({ "rows": 1, "columns": { "a": settings } });
        let refused = generator(options, 1, true).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert_eq!(refused.to_string(), format!("column `a`: {expected}"));
    }
    for (options, expected) in [
        (
            json!({ "rows": 1, "columns": {} }),
            "`columns` is empty: a row needs one",
        ),
        (
            json!({ "rows": 1, "rows_per_second": 0, "columns": { "a": "int" } }),
            "`rows_per_second` must be at least 1",
        ),
        (
            json!({ "columns": { "a": "int" } }),
            "a generator without `rows` never ends, and `trigger: once` reads to the end: add `rows`",
        ),
    ] {
        let refused = generator(options, 1, true).err().unwrap();
        assert_eq!(refused.to_string(), expected);
    }
}

#[test]
fn columns_keep_the_manifests_order_and_types() {
    let schema = generator(every_type(1), 1, true).unwrap().schema().unwrap();
    let names: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(
        names,
        [
            "id", "user", "n", "b", "t", "s", "d", "f", "m", "w", "x", "day", "at", "l"
        ]
    );
}

#[test]
fn the_manifest_is_checked_before_anything_is_made() {
    let mut generator = schemars::SchemaGenerator::default();
    let Some((schema, _)) = crate::CONNECTOR.source else {
        panic!()
    };
    schema(&mut generator);
    let definitions = Value::Object(generator.take_definitions(true));
    let type_alone = &definitions["ColumnOptions"]["anyOf"][0];
    assert_eq!(type_alone["format"], "column-type");
    let settings = &definitions["ColumnSettings"]["properties"];
    assert_eq!(settings["type"]["format"], "column-type");
    assert_eq!(settings["length"]["maximum"], 65_536);
}
