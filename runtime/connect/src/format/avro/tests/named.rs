//! Records that name the schema that they were written by.

use super::*;
use crate::{Wire, WriterSchemas};

#[test]
fn each_record_is_read_by_its_own_schema() {
    let writers = WriterSchemas::default();
    let reader = record_of(&[("a", "\"long\""), ("b", r#"["null","string"]"#)]);
    // Without a default `b` has to have been written.
    let first = record_of(&[("b", "\"string\""), ("a", "\"int\"")]);
    let other = record_of(&[("a", "\"string\"")]);
    writers.put(1, first, 10);
    writers.put(2, reader.clone(), 10);
    writers.put(3, other, 10);
    let mut decoder =
        reading(AvroReading::named(reader, Wire::Confluent, writers.clone()).unwrap());
    let all: [&[u8]; 8] = [
        &[0, 0, 0, 0, 1, 2, b'x', 14],
        &[0, 0, 0, 0, 2, 16, 0],
        &[0, 0, 0, 0, 3, 2, b'y'],
        &[0, 0, 0, 0, 9, 2],
        &[1, 0, 0, 0, 2, 16, 0],
        &[0, 0, 0],
        &[],
        &[0, 0, 0, 0, 1, 2, b'z', 18],
    ];
    let decoded = decoder.decode(&records(&all)).unwrap();
    assert_eq!(
        rows(&decoded),
        [
            "{\"a\":7,\"b\":\"x\"}",
            "{\"a\":8}",
            "{\"a\":9,\"b\":\"z\"}"
        ]
    );
    let bad: Vec<_> = decoded
        .bad
        .iter()
        .map(|bad| (bad.index, bad.reason.as_str()))
        .collect();
    assert_eq!(
        bad,
        [
            (
                2,
                "the schema 3 that it was written by does not fit: field `a`: string was written, which cannot be read as long"
            ),
            (3, "the schema 9 that it was written by is not known"),
            (
                4,
                "the record does not begin with 0 and the id of a schema, but with 1: it was not written with a schema registry"
            ),
            (5, "the record ends in the middle of the id of its schema"),
            (6, "the record is empty: it names no schema"),
        ]
    );
    // Known from now on.
    writers.put(9, record_of(&[("a", "\"long\""), ("b", "\"string\"")]), 10);
    let decoded = decoder
        .decode(&records(&[&[0, 0, 0, 0, 9, 2, 2, b'q']]))
        .unwrap();
    assert_eq!(rows(&decoded), ["{\"a\":1,\"b\":\"q\"}"]);
}
