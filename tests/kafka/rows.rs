//! What records are as rows: every column with its exact value, and every format.

use crate::pipeline::Pipeline;
use crate::topics::{Give, Topics};

/// Reads topics once, and writes what `select` says to `out`.
pub(crate) fn once(topics: &Topics, source: &str, select: &str) -> Pipeline {
    let servers = topics.servers();
    let (kafka, rest) = source.split_once('\n').unwrap_or((source, ""));
    Pipeline::new(&format!(
        "
name: rows
trigger: once
parallelism: 1
sources:
  records:
    kafka: {{ servers: '{servers}', {kafka} }}
{rest}
transforms:
  rows: {{ sql: \"{select}\" }}
sinks:
  out: {{ from: rows, file: {{ path: ./out }}, format: json }}
"
    ))
}

/// Null columns of json are left out.
const ALL: &str =
    "SELECT offset, key, value, topic, partition, timestamp, timestampType, headers FROM records";

#[test]
fn a_record_has_spark_s_columns_with_what_was_sent() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("columns", 2);
    let give = |key, value, headers| Give {
        partition: 1,
        key,
        value,
        headers,
        millis: Some(1_767_225_600_123),
    };
    topics.give(
        "columns",
        &[
            give(Some(b"k"), Some(b"v"), vec![]),
            give(None, Some(b""), vec![(b"a", Some(b"1")), (b"a", None)]),
            give(Some(b""), None, vec![(b"caf\xe9", Some(b"\xff\x00"))]),
            give(Some(b"\xff"), Some(b"\x00\xfe"), vec![(b"", Some(b""))]),
        ],
    );
    let pipeline = once(&topics, "topics: columns", ALL);
    pipeline.finish();
    let rest = r#""topic":"columns","partition":1,"timestamp":"2026-01-01T00:00:00.123000Z","timestampType":0"#;
    let pairs = r#"[{"key":"a","value":"MQ=="},{"key":"a"}]"#;
    assert_eq!(
        pipeline.lines("out"),
        [
            format!(r#"{{"offset":0,"key":"aw==","value":"dg==",{rest}}}"#),
            format!(r#"{{"offset":1,"value":"",{rest},"headers":{pairs}}}"#),
            format!(
                r#"{{"offset":2,"key":"",{rest},"headers":[{{"key":"caf{}","value":"/wA="}}]}}"#,
                '\u{fffd}'
            ),
            format!(
                r#"{{"offset":3,"key":"/w==","value":"AP4=",{rest},"headers":[{{"key":"","value":""}}]}}"#
            ),
        ]
    );
}

#[test]
fn a_topic_that_stamps_its_records_says_so() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make_with("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let old = Give {
        value: Some(b"x"),
        millis: Some(1_000),
        ..Give::default()
    };
    topics.give("stamped", &[old]);
    let select =
        "SELECT timestampType, timestamp > TIMESTAMP '2020-01-01 00:00:00' AS now FROM records";
    let pipeline = once(&topics, "topics: stamped", select);
    pipeline.finish();
    assert_eq!(pipeline.lines("out"), [r#"{"timestampType":1,"now":true}"#]);
}

/// As Spark has it: what is parsed out of a null value is null, and the row is there.
#[test]
fn records_are_decoded_and_tombstones_are_rows_of_nulls() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let record = |key, value| Give {
        key: Some(key),
        value,
        ..Give::default()
    };
    // A topic, the value of its first record, a format, columns, and both rows.
    type Case = (
        &'static str,
        &'static [u8],
        &'static str,
        &'static str,
        [&'static str; 2],
    );
    let cases: [Case; 3] = [
        (
            "as-json",
            br#"{"a": 7, "b": "x"}"#,
            "format: json\n    schema: { a: bigint, b: string }",
            "a, b, CAST(key AS string) AS key, offset",
            [
                r#"{"a":7,"b":"x","key":"one","offset":0}"#,
                r#"{"key":"two","offset":1}"#,
            ],
        ),
        (
            "as-csv",
            b"7,x",
            "format: csv\n    header: false\n    schema: { a: bigint, b: string }",
            "a, b, CAST(key AS string) AS key, offset",
            [
                r#"{"a":7,"b":"x","key":"one","offset":0}"#,
                r#"{"key":"two","offset":1}"#,
            ],
        ),
        (
            "as-text",
            "h\u{e9}\nllo".as_bytes(),
            "format: text",
            "value, CAST(key AS string) AS key, offset",
            [
                "{\"value\":\"h\u{e9}\\nllo\",\"key\":\"one\",\"offset\":0}",
                r#"{"key":"two","offset":1}"#,
            ],
        ),
    ];
    for (topic, value, format, columns, expected) in cases {
        topics.make(topic, 1);
        topics.give(topic, &[record(b"one", Some(value)), record(b"two", None)]);
        let source = format!("topics: {topic}\n    {format}\n    keep: [key, offset]");
        let pipeline = once(&topics, &source, &format!("SELECT {columns} FROM records"));
        pipeline.finish();
        let mut expected = expected.map(str::to_owned);
        expected.sort();
        assert_eq!(pipeline.lines("out"), expected, "{topic}");
    }
}

#[test]
fn what_cannot_be_decoded_is_rejected_with_its_partition_and_offset() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("broken", 2);
    topics.give_values("broken", 1, &[r#"{"a":1}"#, "{", r#"{"a":2}"#, "", "7"]);
    let source = "topics: broken\n    format: json\n    schema: { a: bigint }";
    let select = "SELECT source, partition, position, CAST(value AS string) AS value FROM `records.rejected`";
    let pipeline = once(&topics, source, select);
    pipeline.finish();
    assert_eq!(
        pipeline.lines("out"),
        [
            r#"{"source":"records","partition":"broken-1","position":"1","value":"{"}"#,
            r#"{"source":"records","partition":"broken-1","position":"4","value":"7"}"#,
        ]
    );
}

#[test]
fn every_codec_is_read() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("codecs", 1);
    // Long enough that it is worth it.
    let value = |codec: &str| format!("{codec} {}", codec.repeat(500));
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for codec in codecs {
        topics.give_with("codecs", &[value(codec)], &[("compression.type", codec)]);
    }
    let select = "SELECT offset, CAST(value AS string) AS value FROM records";
    let pipeline = once(&topics, "topics: codecs", select);
    pipeline.finish();
    let expected: Vec<_> = (0..5)
        .zip(codecs)
        .map(|(offset, codec)| format!(r#"{{"offset":{offset},"value":"{}"}}"#, value(codec)))
        .collect();
    assert_eq!(pipeline.lines("out"), expected);
}
