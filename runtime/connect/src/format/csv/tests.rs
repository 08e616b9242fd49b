use std::sync::Arc;

use azud_model::{Column, Partition};
use proptest::prelude::*;

use crate::{Chunk, Decoded, Decoder, Format, FormatOptions, Framer, decoder, encoder};

fn options(schema: &[(&str, &str)], header: bool) -> FormatOptions {
    let schema = schema
        .iter()
        .map(|(name, column_type)| Column {
            name: (*name).to_owned(),
            column_type: column_type.parse().unwrap(),
        })
        .collect();
    FormatOptions {
        format: Format::Csv,
        schema,
        header,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    }
}

fn read(schema: &[(&str, &str)], header: bool, file: &str) -> azud_model::Result<Decoded> {
    let options = options(schema, header);
    let mut framer = Framer::new(options.framing(), crate::DEFAULT_MAX_RECORD);
    framer.push(file.as_bytes());
    framer.end();
    let chunk: Chunk = framer.chunk().unwrap();
    let partition = Arc::new(Partition {
        source: "in".into(),
        name: "a.csv".into(),
    });
    decoder(&options)?.decode(&chunk.into_records(partition, None))
}

fn json(decoded: &Decoded) -> Vec<String> {
    let batch = decoded.batch.columns();
    let mut out = Vec::new();
    encoder(Format::Json, &batch.schema())
        .unwrap()
        .encode(batch, &mut out)
        .unwrap();
    String::from_utf8(out)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

const SCHEMA: [(&str, &str); 3] = [("user", "string"), ("amount", "bigint"), ("ok", "boolean")];

#[test]
fn columns_are_found_by_name() {
    let file = "OK,more,amount,user\ntrue,x,5,\"a,\"\"b\"\"\nc\"\n,,,\n\nFALSE,,-1,\"\"\n";
    let decoded = read(&SCHEMA, true, file).unwrap();
    assert_eq!(decoded.bad, []);
    assert_eq!(
        json(&decoded),
        [
            r#"{"user":"a,\"b\"\nc","amount":5,"ok":true}"#,
            "{}",
            r#"{"user":"","amount":-1,"ok":false}"#
        ]
    );
    assert_eq!(
        decoded.batch.origin().unwrap().positions.values(),
        &[2, 3, 5]
    );
}

#[test]
fn bad_lines_are_rejected_with_their_reason() {
    let file =
        "a,1\na,1,true,x\na,1.9,true\na,x,true\na,9223372036854775808,true\na,1,1\n\"a,1,true\n";
    let decoded = read(&SCHEMA, false, file).unwrap();
    let reasons: Vec<_> = decoded.bad.iter().map(|bad| bad.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "too few columns: 2 instead of 3",
            "too many columns: 4 instead of 3",
            "column `amount`: 1.9 is not a bigint",
            "column `amount`: x is not a bigint",
            "column `amount`: 9223372036854775808 is not a bigint",
            "column `ok`: 1 is not a boolean",
            "the quote of field 1 is never closed",
        ]
    );
    assert_eq!(decoded.batch.rows(), 0);
    let decoded = read(&SCHEMA, false, "\"a\"b,1,true\na,1,true\n").unwrap();
    assert_eq!(
        decoded.bad[0].reason,
        "text after the closing quote of field 1"
    );
    assert_eq!(decoded.batch.rows(), 1);
}

/// `records` of a file, decoded by a decoder that may have read others.
fn decode(decoder: &mut Box<dyn Decoder>, file: &str) -> Decoded {
    let framing = options(&SCHEMA, true).framing();
    let mut framer = Framer::new(framing, crate::DEFAULT_MAX_RECORD);
    framer.push(file.as_bytes());
    framer.end();
    let partition = Arc::new(Partition {
        source: "in".into(),
        name: "a.csv".into(),
    });
    let chunk = framer.chunk().unwrap();
    decoder
        .decode(&chunk.into_records(partition, None))
        .unwrap()
}

/// One wrong file, or one health check of a socket, must not cost the others.
#[test]
fn a_header_that_does_not_fit_costs_its_own_records() {
    let mut decoder = decoder(&options(&SCHEMA, true)).unwrap();
    let long = format!("user,ok,{}\na,true,1\n", "x".repeat(1000));
    for (file, reason) in [
        (
            "user,ok\na,true\n\nb,false\n",
            "no column `amount` in the header `user,ok`; rename one of them, or write \
             `header: false` if the first line is data"
                .to_owned(),
        ),
        (
            "GET / HTTP/1.1\r\nHost: here\r\n\r\n",
            "no column `user` in the header `GET / HTTP/1.1`; rename one of them, or write \
             `header: false` if the first line is data"
                .to_owned(),
        ),
        (
            "\"user,ok\na,true,1\n\"x\"y\n1\n",
            "in the header, text after the closing quote of field 1".to_owned(),
        ),
        (
            &long,
            format!(
                "no column `amount` in the header `user,ok,{}...`; rename one of them, or write \
                 `header: false` if the first line is data",
                "x".repeat(192)
            ),
        ),
    ] {
        let decoded = decode(&mut decoder, file);
        assert_eq!(decoded.batch.rows(), 0);
        let reasons: Vec<_> = decoded.bad.iter().map(|bad| &bad.reason).collect();
        let expected = if file.starts_with("user,ok\n") { 2 } else { 1 };
        assert_eq!(reasons, vec![&reason; expected]);

        let decoded = decode(&mut decoder, "user,amount,ok\na,1,true\n");
        assert_eq!(json(&decoded), [r#"{"user":"a","amount":1,"ok":true}"#]);
        assert_eq!(decoded.bad, []);
    }
    let partition = Arc::new(Partition {
        source: "in".into(),
        name: "a.csv".into(),
    });
    let records = crate::Records {
        partition,
        first: 2,
        positions: None,
        payload: crate::Payload::from_iter(["a"]),
        bad: Vec::new(),
        header: Some(bytes::Bytes::from_static(b"\xff")),
        metadata: None,
    };
    let decoded = decoder.decode(&records).unwrap();
    assert_eq!(decoded.bad[0].reason, "the header is not UTF-8");
}

/// The text of one column's rows.
fn written(column: arrow::array::ArrayRef) -> String {
    let batch =
        arrow::record_batch::RecordBatch::try_from_iter_with_nullable([("c", column, true)]);
    let batch = batch.unwrap();
    let mut out = Vec::new();
    let mut encoder = encoder(Format::Csv, &batch.schema()).unwrap();
    encoder.encode(&batch, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn floats_are_written_as_spark_writes_them() {
    use arrow::array::{Float32Array, Float64Array};
    let doubles = [
        1.5,
        100.0,
        -0.0,
        1e20,
        1.25e-7,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    let expected = "1.5\n100.0\n-0.0\n1.0E20\n1.25E-7\nInfinity\n-Infinity\nNaN\n";
    let text = written(Arc::new(Float64Array::from_iter_values(doubles)));
    assert_eq!(text, expected);
    let decoded = read(&[("c", "double")], false, &text).unwrap();
    assert_eq!(decoded.bad, []);
    let text = written(Arc::new(Float32Array::from_iter_values([0.1, 1e10])));
    assert_eq!(text, "0.1\n1.0E10\n");
}

/// They reach further than the calendars of Arrow's own texts.
#[test]
fn far_dates_and_timestamps_are_written_as_what_they_are() {
    use arrow::array::{Date32Array, TimestampMicrosecondArray, TimestampSecondArray};
    let days = Date32Array::from(vec![Some(i32::MAX), Some(i32::MIN), Some(0), None]);
    assert_eq!(
        written(Arc::new(days)),
        "+5881580-07-11\n-5877641-06-23\n1970-01-01\n\"\"\n"
    );
    let seconds = TimestampSecondArray::from(vec![Some(i64::MAX), None, Some(1)]);
    assert_eq!(
        written(Arc::new(seconds)),
        "+292277026596-12-04T15:30:07Z\n\"\"\n1970-01-01T00:00:01Z\n"
    );
    let micros = TimestampMicrosecondArray::from(vec![i64::MAX]);
    assert_eq!(
        written(Arc::new(micros)),
        "+294247-01-10T04:00:54.775807Z\n"
    );
}

/// A line without anything would be passed over, so the null of a single column is an empty text.
#[test]
fn the_null_of_a_single_column_is_an_empty_text() {
    use arrow::array::StringArray;
    let text = written(Arc::new(StringArray::from(vec![Some("a"), None, Some("")])));
    assert_eq!(text, "a\n\"\"\n\"\"\n");
}

#[test]
fn nested_types_are_refused() {
    let error = decoder(&options(&[("l", "array<int>")], true))
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "format `csv` has no way to write column `l` of type array<int>: use json"
    );
}

#[test]
fn times_and_numbers() {
    let schema = [
        ("t", "timestamp"),
        ("s", "timestamp(s)"),
        ("d", "decimal(5,2)"),
        ("f", "double"),
    ];
    let decoded = read(&schema, false, "2026-01-01 00:00:01,1767225601,1.005,1e3\n").unwrap();
    assert_eq!(
        json(&decoded),
        [r#"{"t":"2026-01-01T00:00:01Z","s":"2026-01-01T00:00:01Z","d":1.01,"f":1000.0}"#]
    );
}

proptest! {
    /// What the encoder writes, the framer and the decoder read back.
    #[test]
    fn what_is_written_reads_back(
        rows in proptest::collection::vec(("[ab,\"\r\n\u{e9}]{0,6}", any::<Option<i64>>()), 1..20)
    ) {
        use arrow::array::{Int64Array, StringArray};
        let users = StringArray::from_iter_values(rows.iter().map(|(user, _)| user));
        let amounts: Int64Array = rows.iter().map(|(_, amount)| *amount).collect();
        let schema = [("user", "string"), ("amount", "bigint")];
        let options = options(&schema, true);
        let arrow = decoder(&options).unwrap().schema();
        let batch = arrow::record_batch::RecordBatch::try_new(
            arrow.clone(), vec![Arc::new(users), Arc::new(amounts)]).unwrap();
        let mut encoder = encoder(Format::Csv, &arrow).unwrap();
        let mut file = encoder.header();
        encoder.encode(&batch, &mut file).unwrap();
        let decoded = read(&schema, true, std::str::from_utf8(&file).unwrap()).unwrap();
        prop_assert_eq!(decoded.batch.columns(), &batch);
    }
}
