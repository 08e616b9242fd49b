//! What is written is what fastavro writes, and what is read back.

use std::sync::Arc;

use arrow::array::{BinaryArray, RecordBatch};
use azud_model::Column;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{avro_encoder, encoder};

/// Rows of columns with these types, from JSON.
fn batch(columns: &[(&str, &str)], rows: &[&str]) -> RecordBatch {
    let columns = columns.iter().map(|(name, sql)| Column {
        name: (*name).to_owned(),
        column_type: sql.parse().unwrap(),
    });
    let mut json = decoder(&FormatOptions {
        format: Format::Json,
        schema: columns.collect(),
        header: true,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    })
    .unwrap();
    let decoded = json.decode(&records(rows)).unwrap();
    assert_eq!(decoded.bad, []);
    decoded.batch.columns().clone()
}

fn written(schema: &AvroSchema, batch: &RecordBatch) -> Result<BinaryArray, String> {
    let mut encoder =
        avro_encoder(schema, None, &batch.schema()).map_err(|error| error.to_string())?;
    encoder.records(batch).map_err(|error| error.to_string())
}

#[test]
fn the_bytes_are_those_of_fastavro() {
    let mut seen = 0;
    for line in include_str!("goldens.json").lines().take(4) {
        let case: Value = serde_json::from_str(line).unwrap();
        let schema = schema(&case["writer"].to_string());
        let all = case["records"].as_array().unwrap();
        let all: Vec<Vec<u8>> = all
            .iter()
            .map(|hex| goldens::bytes(hex.as_str().unwrap()))
            .collect();
        let decoded = bare(&schema, &schema).decode(&records(&all)).unwrap();
        let columns = decoded.batch.columns();
        let found = written(&schema, columns).unwrap();
        let expected: Vec<Option<&[u8]>> = all.iter().map(|bytes| Some(bytes.as_slice())).collect();
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            expected,
            "{}",
            case["name"]
        );
        // Of a slice, too.
        let last = columns.slice(columns.num_rows() - 1, 1);
        assert_eq!(
            written(&schema, &last).unwrap().value(0),
            all.last().unwrap().as_slice()
        );
        seen += all.len();
    }
    assert_eq!(seen, 11);
}

#[test]
fn the_schema_is_made_of_the_columns() {
    let batch = batch(
        &[
            ("a", "tinyint"),
            ("b", "decimal(5,2)"),
            ("c", "timestamp"),
            ("d", "array<struct<x:int,y:struct<z:date>>>"),
            ("e", "map<string,binary>"),
        ],
        &[],
    );
    let schema = AvroSchema::of_columns("my-sink", &batch.schema()).unwrap();
    let expected = r#"{"type":"record","name":"my_sink","fields":[
        {"name":"a","type":["null","int"],"default":null},
        {"name":"b","type":["null",{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}],"default":null},
        {"name":"c","type":["null",{"type":"long","logicalType":"timestamp-micros"}],"default":null},
        {"name":"d","type":["null",{"type":"array","items":["null",
            {"type":"record","name":"d","namespace":"my_sink","fields":[
                {"name":"x","type":["null","int"],"default":null},
                {"name":"y","type":["null",{"type":"record","name":"y","namespace":"my_sink.d","fields":[
                    {"name":"z","type":["null",{"type":"int","logicalType":"date"}],"default":null}]}],"default":null}]}]}],"default":null},
        {"name":"e","type":["null",{"type":"map","values":["null","bytes"]}],"default":null}]}"#;
    let expected: Value = serde_json::from_str(expected).unwrap();
    let found: Value = serde_json::from_str(schema.text()).unwrap();
    assert_eq!(found, expected);
    for (columns, reason) in [
        (
            ("a b", "int"),
            "format `avro`, column `a b`: a name in Avro has letters, digits and `_` only: rename it with AS",
        ),
        (
            ("a", "struct<`1`:int>"),
            "format `avro`, column `a.1`: a name in Avro has letters, digits and `_` only: rename it with AS",
        ),
        (
            ("a", "map<int,int>"),
            "format `avro`, column `a`: the keys of a map are strings in Avro, not int",
        ),
    ] {
        let Ok(column_type) = columns.1.parse() else {
            continue;
        };
        let column = Column {
            name: columns.0.to_owned(),
            column_type,
        };
        let schema = Arc::new(arrow::datatypes::Schema::new(vec![column.to_arrow()]));
        let error = AvroSchema::of_columns("s", &schema).unwrap_err();
        assert_eq!(error.to_string(), reason);
    }
}

/// Why one value of a column cannot be written as that type.
fn refused(column: &str, of: &str, row: &str) -> String {
    let batch = batch(&[("x", column)], &[row]);
    written(&record_of(&[("x", of)]), &batch).unwrap_err()
}

#[test]
fn what_does_not_fit_names_its_column() {
    let start = "format `avro`";
    for (column, of, row, reason) in [
        (
            "bigint",
            "\"int\"",
            "{}",
            ", column `x`: bigint cannot be written as the schema's int: cast it",
        ),
        (
            "timestamp",
            "\"long\"",
            "{}",
            ", column `x`: timestamp cannot be written as the schema's long: cast it",
        ),
        (
            "bigint",
            r#"{"type":"long","logicalType":"timestamp-micros"}"#,
            "{}",
            ", column `x`: bigint cannot be written as the schema's timestamp (long): cast it",
        ),
        (
            "decimal(5,2)",
            r#"{"type":"bytes","logicalType":"decimal","precision":5,"scale":1}"#,
            "{}",
            ", column `x`: decimal(5,2) cannot be written as the schema's decimal(5,1) (bytes): cast it",
        ),
        (
            "struct<y:int>",
            r#"{"type":"record","name":"I","fields":[{"name":"y","type":"string"}]}"#,
            "{}",
            ", column `x.y`: int cannot be written as the schema's string: cast it",
        ),
        (
            "int",
            "\"null\"",
            "{}",
            ", column `x`: int cannot be written as the schema's null: cast it",
        ),
        (
            "int",
            "\"int\"",
            "{}",
            ": column `x`: it is null, which the schema does not have there: a row cannot be written",
        ),
        (
            "array<int>",
            r#"{"type":"array","items":"int"}"#,
            r#"{"x":[1,null]}"#,
            ": column `x`: it is null, which the schema does not have there: a row cannot be written",
        ),
        (
            "struct<y:int>",
            r#"{"type":"record","name":"I","fields":[{"name":"y","type":"int"}]}"#,
            r#"{"x":{}}"#,
            ": column `x.y`: it is null, which the schema does not have there: a row cannot be written",
        ),
        (
            "string",
            r#"{"type":"enum","name":"E","symbols":["A","B"]}"#,
            r#"{"x":"C"}"#,
            ": column `x`: it is none of the symbols of its enum: A, B: a row cannot be written",
        ),
        (
            "binary",
            r#"{"type":"fixed","name":"F","size":2}"#,
            r#"{"x":"YWJj"}"#,
            ": column `x`: it has 3 bytes, and the schema a fixed of 2: a row cannot be written",
        ),
        (
            "timestamp",
            r#"{"type":"long","logicalType":"timestamp-nanos"}"#,
            r#"{"x":"9999-01-01T00:00:00Z"}"#,
            ": column `x`: the time is too far away for nanoseconds: a row cannot be written",
        ),
    ] {
        assert_eq!(refused(column, of, row), format!("{start}{reason}"));
    }
}

#[test]
fn the_first_branch_that_takes_it_and_what_no_column_is_for() {
    let batch = batch(
        &[("x", "float"), ("t", "timestamp")],
        &[r#"{"x":1.5,"t":-1}"#, "{}"],
    );
    let time = r#"["null",{"type":"long","logicalType":"timestamp-millis"}]"#;
    let schema = record_of(&[
        ("more", r#"["string","null"]"#),
        ("t", time),
        ("x", r#"["string","null","double"]"#),
    ]);
    let found = written(&schema, &batch).unwrap();
    // -1 ms of a number in JSON; 1.5 as double.
    assert_eq!(found.value(0), [2, 2, 1, 4, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]);
    assert_eq!(found.value(1), [2, 0, 2]);
}

#[test]
fn an_id_goes_before_each_record() {
    let batch = batch(&[("x", "int")], &[r#"{"x":1}"#]);
    let schema = record_of(&[("x", "\"int\"")]);
    let id = |wire, id| {
        let encoder = avro_encoder(&schema, Some((wire, id)), &batch.schema());
        encoder.map(|mut encoder| encoder.records(&batch).unwrap().value(0).to_vec())
    };
    assert_eq!(id(crate::Wire::Confluent, 258).unwrap(), [0, 0, 0, 1, 2, 2]);
    assert_eq!(
        id(crate::Wire::Apicurio, 258).unwrap(),
        [0, 0, 0, 0, 0, 0, 0, 1, 2, 2]
    );
    assert!(id(crate::Wire::Confluent, 1 << 32).is_err());
    assert!(
        encoder(Format::Avro, &batch.schema())
            .unwrap()
            .encode(&batch, &mut Vec::new())
            .is_err()
    );
}

const COLUMNS: [(&str, &str); 12] = [
    ("a", "boolean"),
    ("b", "int"),
    ("c", "bigint"),
    ("d", "float"),
    ("e", "double"),
    ("f", "string"),
    ("g", "binary"),
    ("h", "date"),
    ("i", "timestamp(us)"),
    ("j", "decimal(38,10)"),
    ("k", "array<map<string,array<int>>>"),
    ("l", "struct<x:string,y:struct<z:bigint>>"),
];

/// A row in JSON: every key is there or not.
fn row() -> impl Strategy<Value = String> {
    let maybe = |value: BoxedStrategy<String>| proptest::option::of(value);
    let text = "[a-zé🌍]{0,5}"
        .prop_map(|text: String| format!("\"{text}\""))
        .boxed();
    let lists = proptest::collection::vec(
        ("[a-c]", proptest::collection::vec(any::<i32>(), 0..4)),
        0..3,
    );
    let lists = lists.prop_map(|maps| {
        let maps = maps
            .iter()
            .map(|(key, list)| format!("{{\"{key}\":{list:?}}}"));
        format!("[{}]", maps.collect::<Vec<_>>().join(","))
    });
    let fields: Vec<(&str, BoxedStrategy<Option<String>>)> = vec![
        (
            "a",
            maybe(any::<bool>().prop_map(|v| v.to_string()).boxed()).boxed(),
        ),
        (
            "b",
            maybe(any::<i32>().prop_map(|v| v.to_string()).boxed()).boxed(),
        ),
        (
            "c",
            maybe(any::<i64>().prop_map(|v| v.to_string()).boxed()).boxed(),
        ),
        (
            "d",
            maybe((-1e6f32..1e6).prop_map(|v| format!("{v:?}")).boxed()).boxed(),
        ),
        (
            "e",
            maybe((-1e300f64..1e300).prop_map(|v| format!("{v:?}")).boxed()).boxed(),
        ),
        ("f", maybe(text.clone()).boxed()),
        ("g", maybe(Just("\"AAEC/w==\"".to_owned()).boxed()).boxed()),
        (
            "h",
            maybe(
                (1900..2100i32)
                    .prop_map(|year| format!("\"{year}-02-28\""))
                    .boxed(),
            )
            .boxed(),
        ),
        (
            "i",
            maybe(any::<i64>().prop_map(|v| v.to_string()).boxed()).boxed(),
        ),
        (
            "j",
            maybe(
                (any::<i64>(), 0u32..1_000_000)
                    .prop_map(|(whole, part)| format!("{whole}.{part:06}"))
                    .boxed(),
            )
            .boxed(),
        ),
        ("k", maybe(lists.boxed()).boxed()),
        (
            "l",
            maybe(
                (text, any::<i64>())
                    .prop_map(|(x, z)| format!("{{\"x\":{x},\"y\":{{\"z\":{z}}}}}"))
                    .boxed(),
            )
            .boxed(),
        ),
    ];
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    values.prop_map(move |values| {
        let fields = names.iter().zip(values);
        let fields = fields.filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(rows in proptest::collection::vec(row(), 1..20)) {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let batch = batch(&COLUMNS, &rows);
        let schema = Arc::new(AvroSchema::of_columns("s", &batch.schema()).unwrap());
        let bytes = written(&schema, &batch).unwrap();
        let all: Vec<&[u8]> = bytes.iter().flatten().collect();
        let decoded = bare(&schema, &schema).decode(&records(&all)).unwrap();
        prop_assert_eq!(decoded.bad.len(), 0);
        prop_assert_eq!(decoded.batch.columns(), &batch);
    }
}
