//! The columns that schemas make.

use super::*;

fn columns(of: &str) -> String {
    match record_of(&[("x", of)]).columns() {
        Ok(columns) => columns[0].column_type.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_type_is_that_of_spark() {
    for (of, sql) in [
        ("\"boolean\"", "boolean"),
        ("\"int\"", "int"),
        ("\"long\"", "bigint"),
        ("\"float\"", "float"),
        ("\"double\"", "double"),
        ("\"bytes\"", "binary"),
        ("\"string\"", "string"),
        (r#"{"type":"string","avro.java.string":"String"}"#, "string"),
        (r#"{"type":{"type":"string"}}"#, "string"),
        (r#"{"type":"fixed","name":"F","size":3}"#, "binary"),
        (r#"{"type":"enum","name":"E","symbols":["A"]}"#, "string"),
        (r#"{"type":"array","items":"int"}"#, "array<int>"),
        (
            r#"{"type":"map","values":["null","long"]}"#,
            "map<string,bigint>",
        ),
        (
            r#"{"type":"record","name":"I","fields":[{"name":"a","type":"int"}]}"#,
            "struct<a:int>",
        ),
        (r#"["null","int"]"#, "int"),
        (r#"["int"]"#, "int"),
        (r#"["int","long"]"#, "bigint"),
        (r#"["double","null","float"]"#, "double"),
        (
            r#"["null","int","string"]"#,
            "struct<member0:int,member1:string>",
        ),
        (r#"{"type":"int","logicalType":"date"}"#, "date"),
        (r#"{"type":"int","logicalType":"time-millis"}"#, "int"),
        (r#"{"type":"long","logicalType":"time-micros"}"#, "bigint"),
        (
            r#"{"type":"long","logicalType":"timestamp-millis"}"#,
            "timestamp",
        ),
        (
            r#"{"type":"long","logicalType":"timestamp-micros"}"#,
            "timestamp",
        ),
        (
            r#"{"type":"long","logicalType":"timestamp-nanos"}"#,
            "timestamp",
        ),
        (
            r#"{"type":"long","logicalType":"local-timestamp-millis"}"#,
            "timestamp",
        ),
        (r#"{"type":"string","logicalType":"uuid"}"#, "string"),
        (
            r#"{"type":"fixed","name":"D","size":12,"logicalType":"duration"}"#,
            "binary",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}"#,
            "decimal(10,2)",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":10}"#,
            "decimal(10,0)",
        ),
        (
            r#"{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":4,"scale":4}"#,
            "decimal(4,4)",
        ),
        // Impossible ones are ignored, as the specification wants.
        (
            r#"{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":5}"#,
            "binary",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}"#,
            "binary",
        ),
        (r#"{"type":"string","logicalType":"date"}"#, "string"),
    ] {
        assert_eq!(columns(of), sql, "{of}");
    }
}

#[test]
fn what_no_column_can_hold_is_refused_with_its_field() {
    for (of, reason) in [
        ("\"null\"", "field `x`: null alone is no type of a column"),
        (
            r#"["null"]"#,
            "field `x`: null alone is no type of a column",
        ),
        (
            r#"{"type":"array","items":{"type":"record","name":"I","fields":[{"name":"y","type":"null"}]}}"#,
            "field `x.y`: null alone is no type of a column",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":39}"#,
            "field `x`: a decimal of 39 digits: a column holds 38 at most",
        ),
    ] {
        assert_eq!(columns(of), format!("the avro schema: {reason}"), "{of}");
    }
    let error = schema("\"string\"").columns().unwrap_err().to_string();
    assert_eq!(
        error,
        "the avro schema is of type string: the columns of a source are the fields of a record"
    );
}

#[test]
fn a_schema_that_is_none_is_refused_with_its_place() {
    for (text, reason) in [
        (
            "",
            "the avro schema is not json: EOF while parsing a value at line 1 column 0",
        ),
        ("7", "the avro schema is wrong: 7 is no type"),
        (
            "\"nothing\"",
            "the avro schema is wrong: there is no type `nothing`; a type is defined before it is named, in the same schema",
        ),
        (
            "{}",
            "the avro schema is wrong: a type has no attribute `type`",
        ),
        ("[]", "the avro schema is wrong: a union has no branch"),
        (
            r#"["int","int"]"#,
            "the avro schema is wrong: a union has int twice",
        ),
        (
            r#"["int",["null"]]"#,
            "the avro schema is wrong: a union is directly within a union",
        ),
        (
            r#"{"type":"record","name":"R"}"#,
            "the avro schema is wrong: record `R` has no list of `fields`",
        ),
        (
            r#"{"type":"record","fields":[]}"#,
            "the avro schema is wrong: a record, enum or fixed has no `name`",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"I","fields":[{"name":"b","type":"no"}]}}]}"#,
            "the avro schema is wrong: field `a.b`: there is no type `no`; a type is defined before it is named, in the same schema",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#,
            "the avro schema is wrong: there are two fields `a`",
        ),
        (
            r#"{"type":"fixed","name":"F"}"#,
            "the avro schema is wrong: a fixed has no `size`",
        ),
        (
            r#"{"type":"enum","name":"E","symbols":["A"],"default":"B"}"#,
            "the avro schema is wrong: the default of an enum is none of its symbols",
        ),
    ] {
        assert_eq!(
            text.parse::<AvroSchema>().unwrap_err().to_string(),
            reason,
            "{text}"
        );
    }
}

#[test]
fn a_default_that_is_none_is_refused() {
    let columns = |of: &str, default: &str| {
        let schema = schema(&format!(
            r#"{{"type":"record","name":"R","fields":[{{"name":"x","type":{of},"default":{default}}}]}}"#
        ));
        schema
            .columns()
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        columns("\"int\"", "\"7\"").unwrap_err(),
        "the avro schema: field `x`: its default \"7\" is no int"
    );
    assert!(columns("\"int\"", "null").is_err());
    assert!(columns("\"int\"", "2147483648").is_err());
    assert!(columns(r#"{"type":"fixed","name":"F","size":2}"#, "\"a\"").is_err());
    assert!(columns("\"bytes\"", "\"\\u0100\"").is_err());
    assert!(columns(r#"["null","int"]"#, "7").is_ok());
    assert!(columns("\"bytes\"", "\"\\u00ff\"").is_ok());
    assert!(columns("\"double\"", "\"NaN\"").is_ok());
}
