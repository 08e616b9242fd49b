use std::time::Duration;

use azud_model::ManualClock;
use serde_json::{Value, json};

use super::*;

fn context(lanes: usize, finite: bool, clock: &Arc<ManualClock>) -> SourceContext {
    SourceContext {
        pipeline: "test".into(),
        node: "in".into(),
        directory: ".".into(),
        lanes,
        finite,
        framing: azud_connect::Framing::Lines,
        metadata: Vec::new(),
        clock: clock.clone(),
    }
}

fn source(options: Value, lanes: usize) -> Result<Arc<dyn Source>> {
    crate::make(options, context(lanes, true, &Arc::new(ManualClock::at(0))))
}

/// All rows in their order, as JSON.
async fn rows(options: Value, lanes: usize) -> Vec<String> {
    let source = source(options, lanes).unwrap();
    let mut rows = Vec::new();
    for mut reader in source.open(&[]).await.unwrap() {
        while let Read::Records(records) = reader.next().await.unwrap() {
            let batch = records.metadata.unwrap();
            assert_eq!(batch.schema(), source.schema().unwrap());
            for row in 0..batch.num_rows() {
                let json = azud_connect::row_json(&batch, row);
                rows.push((records.first + row as u64, String::from_utf8(json).unwrap()));
            }
        }
    }
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

fn every_type() -> Value {
    json!({
        "rows": 20_000, "seed": 7,
        "columns": {
            "id": {"type": "bigint", "sequence": true, "min": 10},
            "user": {"type": "string", "values": ["a", "b"], "null_ratio": 0.1},
            "n": {"type": "int", "min": -5, "max": 5},
            "b": "boolean", "few": {"type": "int", "values": [1, 2], "sequence": true}, "t": "tinyint", "s": "smallint", "d": "double", "f": "float",
            "m": {"type": "decimal(10,2)", "min": 1.5, "max": 2},
            "w": "string", "x": "binary",
            "day": {"type": "date", "min": "2026-02-01", "max": "2026-02-02"},
            "at": {"type": "timestamp", "min": "2026-01-01", "sequence": "1ms"}, "now": "timestamp",
            "l": {"type": "array<int>", "values": [[1], []]},
        }
    })
}

#[tokio::test]
async fn the_same_rows_at_any_parallelism() {
    let alone = rows(every_type(), 1).await;
    assert_eq!(alone.len(), 20_000);
    for lanes in [2, 3, 8] {
        assert_eq!(rows(every_type(), lanes).await, alone);
    }
    let mut other = every_type();
    other["seed"] = json!(8);
    assert_ne!(rows(other, 1).await, alone);
}

#[tokio::test]
async fn values_keep_to_what_was_asked_for() {
    let rows: Vec<Value> = rows(every_type(), 1)
        .await
        .iter()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    let mut nulls = 0;
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row["id"], json!(10 + number));
        assert!((-5..=5).contains(&row["n"].as_i64().unwrap()));
        assert!((1.5..=2.0).contains(&row["m"].as_f64().unwrap()));
        assert!(["2026-02-01", "2026-02-02"].contains(&row["day"].as_str().unwrap()));
        match row.get("user") {
            None => nulls += 1,
            Some(user) => assert!(["a", "b"].contains(&user.as_str().unwrap())),
        }
    }
    assert!((1_500..2_500).contains(&nulls), "{nulls}");
    assert_eq!(
        [&rows[0]["few"], &rows[1]["few"], &rows[2]["few"]],
        [1, 2, 1]
    );
    assert_eq!(rows[0]["now"], "1970-01-01T00:00:00Z");
    assert_eq!(rows[0]["at"], "2026-01-01T00:00:00Z");
    assert_eq!(rows[1]["at"], "2026-01-01T00:00:00.001000Z");
}

#[tokio::test]
async fn rows_come_at_their_rate() {
    let clock = Arc::new(ManualClock::at(0));
    let options = json!({"rows_per_second": 100, "columns": {"a": "bigint"}});
    let source = crate::make(options, context(1, false, &clock)).unwrap();
    let mut reader = source.open(&[]).await.unwrap().remove(0);
    // The first row is due at once.
    let Read::Records(records) = reader.next().await.unwrap() else {
        panic!()
    };
    assert_eq!((records.first, records.len()), (0, 1));
    assert!(
        tokio::time::timeout(Duration::from_millis(30), reader.next())
            .await
            .is_err()
    );
    clock.advance(Duration::from_millis(55));
    let Read::Records(records) = reader.next().await.unwrap() else {
        panic!()
    };
    assert_eq!((records.first, records.len()), (1, 5));
    clock.advance(Duration::from_secs(60));
    let Read::Records(records) = reader.next().await.unwrap() else {
        panic!()
    };
    assert_eq!((records.first, records.len()), (6, 4090));
    let mut again = source.open(&reader.positions()).await.unwrap().remove(0);
    clock.advance(Duration::from_secs(1));
    let Read::Records(records) = again.next().await.unwrap() else {
        panic!()
    };
    assert_eq!((records.first, records.len()), (4096, 101));
}

#[test]
fn what_does_not_fit_is_refused() {
    for (columns, expected) in [
        (json!({}), "`columns` is empty: a row needs one"),
        (
            json!({"a": "array<int>"}),
            "column `a`: array<int> is made of `values` only: list some, or build it in SQL",
        ),
        (
            json!({"a": "number"}),
            "column `a`: unknown type `number`: one of string, boolean",
        ),
        (
            json!({"a": {"type": "int", "min": 1.5}}),
            "column `a`: 1.5 is not an int",
        ),
        (
            json!({"a": {"type": "int", "min": 2, "max": 1}}),
            "column `a`: `min` 2 is greater than `max` 1",
        ),
        (
            json!({"a": {"type": "int", "values": []}}),
            "column `a`: `values` is empty",
        ),
        (
            json!({"a": {"type": "boolean", "min": 1}}),
            "column `a`: `min` means nothing for boolean",
        ),
        (
            json!({"a": {"type": "timestamp", "sequence": "soon"}}),
            "column `a`: `sequence` soon: a whole number and one of",
        ),
        (
            json!({"a": {"type": "int", "null_ratio": 2}}),
            "column `a`: `null_ratio` must be from 0 to 1",
        ),
    ] {
        let refused = source(json!({"rows": 1, "columns": columns}), 1)
            .err()
            .unwrap();
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
    let refused = source(json!({"columns": {"a": "int"}}), 1).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "a generator without `rows` never ends, and `trigger: once` reads to the end: \
         add `rows`"
    );
}
