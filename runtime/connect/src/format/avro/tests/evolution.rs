//! What only some pairs of schemas show; the others are among the goldens.

use super::*;

/// Why records of one type cannot be read as another.
fn refused(writer: &str, reader: &str) -> String {
    let (writer, reader) = (record_of(&[("x", writer)]), record_of(&[("x", reader)]));
    let error = AvroReading::bare(reader, Some(writer)).unwrap_err();
    let text = error.to_string();
    let start = "records of the writer's schema cannot be read by `schema`: ";
    text.strip_prefix(start).unwrap().to_owned()
}

#[test]
fn schemas_that_do_not_fit_say_where() {
    for (writer, reader, reason) in [
        (
            "\"string\"",
            "\"int\"",
            "field `x`: string was written, which cannot be read as int",
        ),
        (
            "\"long\"",
            "\"int\"",
            "field `x`: long was written, which cannot be read as int",
        ),
        (
            "\"double\"",
            "\"float\"",
            "field `x`: double was written, which cannot be read as float",
        ),
        (
            r#"{"type":"array","items":"string"}"#,
            r#"{"type":"array","items":"int"}"#,
            "field `x`: string was written, which cannot be read as int",
        ),
        (
            r#"["null","string"]"#,
            "\"int\"",
            "field `x`: null was written, which cannot be read as int",
        ),
        (
            r#"{"type":"fixed","name":"F","size":2}"#,
            r#"{"type":"fixed","name":"F","size":3}"#,
            "field `x`: fixed `F` was written, which cannot be read as fixed `F`",
        ),
        (
            r#"{"type":"fixed","name":"F","size":2}"#,
            r#"{"type":"fixed","name":"G","size":2}"#,
            "field `x`: fixed `F` was written, which cannot be read as fixed `G`",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
            r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}"#,
            "field `x`: decimal(4,2) was written, which is no decimal(4,1)",
        ),
        (
            r#"{"type":"record","name":"I","fields":[]}"#,
            r#"{"type":"record","name":"I","fields":[{"name":"y","type":"int"}]}"#,
            "field `x.y` was not written, and has no default in the reader's schema",
        ),
    ] {
        let found = refused(writer, reader);
        assert_eq!(found, reason, "{writer} as {reader}");
    }
}

#[test]
fn of_a_union_only_what_is_written_has_to_fit() {
    let writer = record_of(&[("x", r#"["null","long","string"]"#)]);
    let reader = record_of(&[("x", "\"double\"")]);
    assert_eq!(read(&writer, &reader, &[2, 6]).unwrap(), "{\"x\":3.0}");
    assert_eq!(
        read(&writer, &reader, &[4, 2, b'a']).unwrap_err(),
        "field `x`: string was written, which cannot be read as double"
    );
    assert_eq!(
        read(&writer, &reader, &[0]).unwrap_err(),
        "field `x`: null was written, which cannot be read as double"
    );
}

#[test]
fn an_enum_without_default_refuses_what_it_does_not_know() {
    let writer = record_of(&[("x", r#"{"type":"enum","name":"E","symbols":["A","B"]}"#)]);
    let reader = record_of(&[("x", r#"{"type":"enum","name":"E","symbols":["B"]}"#)]);
    assert_eq!(read(&writer, &reader, &[2]).unwrap(), "{\"x\":\"B\"}");
    assert_eq!(
        read(&writer, &reader, &[0]).unwrap_err(),
        "field `x`: the reader's enum has no symbol `A`"
    );
}

#[test]
fn a_moment_stays_the_same_in_another_unit() {
    let time = |unit: &str| {
        record_of(&[(
            "x",
            &format!(r#"{{"type":"long","logicalType":"timestamp-{unit}"}}"#),
        )])
    };
    let second = "{\"x\":\"1970-01-01T00:00:01Z\"}";
    // 1000 and 1000000 and 1000000000, zigzag.
    let [thousand, million, billion]: [&[u8]; 3] = [
        &[0xd0, 0x0f],
        &[0x80, 0x89, 0x7a],
        &[0x80, 0xa8, 0xd6, 0xb9, 0x07],
    ];
    for (unit, bytes) in [
        ("millis", thousand),
        ("micros", million),
        ("nanos", billion),
    ] {
        for wanted in ["millis", "micros", "nanos"] {
            assert_eq!(
                read(&time(unit), &time(wanted), bytes).unwrap(),
                second,
                "{unit} as {wanted}"
            );
        }
    }
    // What was a number is of the reader's unit.
    let plain = record_of(&[("x", "\"long\"")]);
    assert_eq!(read(&plain, &time("millis"), thousand).unwrap(), second);
    let plain = record_of(&[("x", "\"int\"")]);
    assert_eq!(read(&plain, &time("millis"), thousand).unwrap(), second);
}

#[test]
fn the_branch_of_the_same_type_and_name_is_taken() {
    let reader = record_of(&[(
        "x",
        r#"["null","long","int",
        {"type":"record","name":"A","fields":[{"name":"v","type":"int"}]},
        {"type":"record","name":"B","fields":[{"name":"v","type":"int"}]}]"#,
    )]);
    let int = record_of(&[("x", "\"int\"")]);
    assert_eq!(
        read(&int, &reader, &[2]).unwrap(),
        "{\"x\":{\"member1\":1}}"
    );
    let record = record_of(&[(
        "x",
        r#"{"type":"record","name":"B","fields":[{"name":"v","type":"int"}]}"#,
    )]);
    assert_eq!(
        read(&record, &reader, &[2]).unwrap(),
        "{\"x\":{\"member3\":{\"v\":1}}}"
    );
}

/// The specification's own examples.
#[test]
fn the_examples_of_the_specification_are_read() {
    let test = record_of(&[("a", "\"long\""), ("b", "\"string\"")]);
    let bytes = [0x36, 0x06, 0x66, 0x6f, 0x6f];
    assert_eq!(
        read(&test, &test, &bytes).unwrap(),
        "{\"a\":27,\"b\":\"foo\"}"
    );
    let array = record_of(&[("x", r#"{"type":"array","items":"long"}"#)]);
    assert_eq!(
        read(&array, &array, &[0x04, 0x06, 0x36, 0x00]).unwrap(),
        "{\"x\":[3,27]}"
    );
    let union = record_of(&[("x", r#"["null","string"]"#)]);
    assert_eq!(read(&union, &union, &[0x00]).unwrap(), "{}");
    assert_eq!(
        read(&union, &union, &[0x02, 0x02, 0x61]).unwrap(),
        "{\"x\":\"a\"}"
    );
    let long = record_of(&[("x", "\"long\"")]);
    for (value, bytes) in [
        (0, &[0x00][..]),
        (-1, &[0x01]),
        (1, &[0x02]),
        (-2, &[0x03]),
        (2, &[0x04]),
        (-64, &[0x7f]),
        (64, &[0x80, 0x01]),
    ] {
        assert_eq!(
            read(&long, &long, bytes).unwrap(),
            format!("{{\"x\":{value}}}")
        );
    }
}
