//! Bytes that lie.

use proptest::prelude::*;

use super::*;

/// A zigzag number.
fn long(value: i64) -> Vec<u8> {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

fn refused(of: &str, bytes: &[u8]) -> String {
    let schema = record_of(&[("x", of)]);
    read(&schema, &schema, bytes).unwrap_err()
}

#[test]
fn each_reason_names_the_field() {
    let ends = "field `x`: the record ends in the middle of a value";
    let huge = long(i64::MAX);
    for (of, bytes, reason) in [
        ("\"int\"", &[][..], ends),
        ("\"int\"", &[0x80], ends),
        (
            "\"int\"",
            &[0x80, 0x80, 0x80, 0x80, 0x20],
            "field `x`: 4294967296 is no int",
        ),
        (
            "\"long\"",
            &[0xff; 11],
            "field `x`: a number has more than 64 bits",
        ),
        ("\"boolean\"", &[2], "field `x`: 2 is no boolean"),
        ("\"float\"", &[0; 3], ends),
        ("\"double\"", &[0; 7], ends),
        ("\"string\"", &[4, b'a'], ends),
        (
            "\"string\"",
            &[2, 0xff],
            "field `x`: a string is not valid UTF-8",
        ),
        ("\"string\"", &[1], "field `x`: a length is -1"),
        ("\"bytes\"", &huge, ends),
        (
            r#"["null","int"]"#,
            &[4],
            "field `x`: a union has no branch 2",
        ),
        (
            r#"["null","int"]"#,
            &[1],
            "field `x`: a union has no branch -1",
        ),
        (
            r#"{"type":"enum","name":"E","symbols":["A"]}"#,
            &[2],
            "field `x`: an enum has no symbol of number 1",
        ),
        (
            r#"{"type":"enum","name":"E","symbols":["A"]}"#,
            &[1],
            "field `x`: an enum has no symbol of number -1",
        ),
        (r#"{"type":"fixed","name":"F","size":3}"#, &[0; 2], ends),
        (r#"{"type":"array","items":"int"}"#, &huge, ends),
        (r#"{"type":"array","items":"int"}"#, &[2, 2], ends),
        (
            r#"{"type":"array","items":"int"}"#,
            &[1, 1, 2, 0],
            "field `x`: a block is of -1 bytes",
        ),
        (
            r#"{"type":"array","items":"int"}"#,
            &[1, 4, 2, 0],
            "field `x`: a block does not have the size that it claims",
        ),
        (
            r#"{"type":"map","values":"int"}"#,
            &[2, 2, 0xff, 2, 0],
            "field `x`: a key of a map is not valid UTF-8",
        ),
        (
            r#"{"type":"long","logicalType":"timestamp-millis"}"#,
            &huge,
            "field `x`: 9223372036854775807 is out of range",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":2,"scale":1}"#,
            &[2, 100],
            "field `x`: a decimal has more than 2 digits",
        ),
        (
            r#"{"type":"record","name":"I","fields":[{"name":"y","type":"int"}]}"#,
            &[],
            "field `x.y`: the record ends in the middle of a value",
        ),
    ] {
        assert_eq!(refused(of, bytes), reason, "{of}");
    }
    assert_eq!(
        refused("\"int\"", &[2, 0, 0]),
        "2 bytes are left behind the record's last field"
    );
}

/// A few bytes that claim to be billions of values: refused, before memory or time is spent.
#[test]
fn values_that_take_no_bytes_are_few() {
    let count = long(i64::from(i32::MAX));
    let claims = [&count[..], &[0]].concat();
    let refused_for = |writer: &Arc<AvroSchema>, reader: &Arc<AvroSchema>, bytes: &[u8]| {
        let reason = read(writer, reader, bytes).unwrap_err();
        assert!(reason.contains("so few bytes"), "{reason}");
    };
    let nothing = r#"{"type":"array","items":{"type":"record","name":"I","fields":[]}}"#;
    let with_default = r#"{"type":"array","items":{"type":"record","name":"I","fields":[
        {"name":"t","type":"string","default":"0123456789"}]}}"#;
    let writer = record_of(&[("x", nothing)]);
    refused_for(&writer, &record_of(&[("x", with_default)]), &claims);
    // Passed over.
    refused_for(&writer, &record_of(&[]), &claims);
    let nulls = record_of(&[("x", r#"{"type":"array","items":"null"}"#)]);
    refused_for(&nulls, &record_of(&[]), &claims);
    // Many columns for each byte.
    let fields: Vec<String> = (0..1000)
        .map(|field| format!(r#"{{"name":"f{field}","type":"int"}}"#))
        .collect();
    let wide = format!(
        r#"{{"type":"array","items":["null",{{"type":"record","name":"I","fields":[{}]}}]}}"#,
        fields.join(",")
    );
    let wide = record_of(&[("x", &wide)]);
    let many = [long(1_000_000), vec![0; 1_000_001]].concat();
    refused_for(&wide, &wide, &many);
    // As many as anybody has.
    let few = [long(1000), vec![0]].concat();
    assert!(read(&writer, &record_of(&[]), &few).is_ok());
    let few = [long(30), vec![0; 31]].concat();
    assert!(read(&wide, &wide, &few).is_ok());
}

/// Records of records of records of nothing.
#[test]
fn types_that_multiply_are_not_gone_through() {
    let mut types = r#"{"type":"record","name":"R0","fields":[]}"#.to_owned();
    for level in 1..40 {
        let below = level - 1;
        types = format!(
            r#"{{"type":"record","name":"R{level}","fields":[{{"name":"a","type":{types}}},{{"name":"b","type":"R{below}"}}]}}"#
        );
    }
    let writer = record_of(&[("x", &types)]);
    let reason = read(&writer, &record_of(&[]), &[]).unwrap_err();
    assert!(reason.contains("so few bytes"), "{reason}");
    let error = writer.columns().unwrap_err().to_string();
    assert!(
        error.ends_with("the schema has more than 10000 columns"),
        "{error}"
    );
}

#[test]
fn what_contains_itself_is_followed_so_deeply_and_no_deeper() {
    let list = schema(
        r#"{"type":"record","name":"L","fields":[{"name":"id","type":"int"},{"name":"next","type":["null","L"]}]}"#,
    );
    let reader = record_of(&[("id", "\"int\"")]);
    let depth = |depth: usize| [[2, 2].repeat(depth), vec![2, 0]].concat();
    assert!(read(&list, &reader, &depth(50)).is_ok());
    assert_eq!(
        read(&list, &reader, &depth(1_000_000)).unwrap_err(),
        "values are nested more than 200 deep"
    );
    let error = list.columns().unwrap_err().to_string();
    assert_eq!(
        error,
        "the avro schema: field `next`: record `L` contains itself: a column has a fixed depth, \
         leave the field out of the schema"
    );
}

#[test]
fn of_keys_that_come_twice_the_last_one_counts() {
    let map = record_of(&[("x", r#"{"type":"map","values":"int"}"#)]);
    let twice = [4, 2, b'a', 2, 2, b'b', 4, 2, 2, b'a', 6, 0];
    assert_eq!(
        read(&map, &map, &twice).unwrap(),
        "{\"x\":{\"b\":2,\"a\":3}}"
    );
    let mut many = long(100);
    (0..100).for_each(|key| many.extend([2, b'A' + (key % 50), key * 2 % 128]));
    many.push(0);
    let row = read(&map, &map, &many).unwrap();
    assert_eq!(row.matches(':').count(), 51);
}

#[test]
fn blocks_with_a_size_are_read_and_passed_over() {
    let lists = record_of(&[
        ("x", r#"{"type":"array","items":"long"}"#),
        ("y", "\"int\""),
    ]);
    // As Java writes them: a negative count, the size in bytes; and a second block.
    let bytes = [3, 4, 6, 54, 2, 2, 0, 14];
    assert_eq!(
        read(&lists, &lists, &bytes).unwrap(),
        "{\"x\":[3,27,1],\"y\":7}"
    );
    let reader = record_of(&[("y", "\"int\"")]);
    assert_eq!(read(&lists, &reader, &bytes).unwrap(), "{\"y\":7}");
}

const EVERYTHING: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"a","type":["null","string"]},
    {"name":"b","type":{"type":"array","items":{"type":"map","values":["int","null",{"type":"array","items":"null"}]}}},
    {"name":"c","type":{"type":"record","name":"S","fields":[
        {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
        {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
        {"name":"next","type":["null","S","R"]}]}},
    {"name":"f","type":["double","boolean","bytes"]}]}"#;

const SOME: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"f","type":["null","double","boolean","bytes"]},
    {"name":"b","type":{"type":"array","items":{"type":"map","values":["null","long"]}}},
    {"name":"new","type":"string","default":"x"},
    {"name":"c","type":{"type":"record","name":"S","fields":[
        {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
        {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}}]}},
    {"name":"a","type":"bytes","default":""}]}"#;

proptest! {
    #[test]
    fn whatever_the_bytes_the_records_beside_stay(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        small in proptest::collection::vec(0u8..6, 0..60),
    ) {
        let (writer, reader) = (schema(EVERYTHING), schema(SOME));
        let mut decoder = bare(&writer, &reader);
        let good: &[u8] = &[2, 2, b'a', 2, 2, 2, b'k', 0, 14, 0, 0, 2, 5, 2, 0, 2, 1];
        let all: [&[u8]; 4] = [good, &bytes, &small, good];
        let decoded = decoder.decode(&records(&all)).unwrap();
        let found = rows(&decoded);
        prop_assert_eq!(found.len() + decoded.bad.len(), 4);
        let expected = "{\"f\":{\"member1\":true},\"b\":[{\"k\":7}],\"new\":\"x\",\
             \"c\":{\"d\":0.05,\"e\":\"B\"},\"a\":\"YQ==\"}";
        prop_assert_eq!(found.first().map(String::as_str), Some(expected));
        prop_assert_eq!(found.last().map(String::as_str), Some(expected));
    }

    #[test]
    fn no_schema_makes_it_panic(text in "[\\[\\]{}\",:a-z0-9]{0,60}", cut in 0usize..2000) {
        let _ = text.parse::<AvroSchema>().map(|schema| schema.columns());
        let cut = EVERYTHING.get(..cut).unwrap_or(EVERYTHING);
        let _ = cut.parse::<AvroSchema>().map(|schema| schema.columns());
    }
}
