use super::JsonLines;
use crate::{
    Batch, Field, Input,
    testing::{
        Table,
        Value::{self, List, Map, Null, Struct},
    },
    types::*,
};

/// A field with the number of its children.
fn field(name: &str, format: &str, children: u32) -> Field {
    Field {
        name: name.into(),
        format: format.into(),
        nullable: true,
        children,
    }
}

fn written(table: &Table) -> String {
    let input = Input::new(table.fields());
    let json = JsonLines::new(&input).unwrap();
    let (reads, buffers) = (input.read_all(), table.all_buffers());
    let batch = Batch {
        rows: table.rows(),
        buffers: &buffers,
        reads: &reads,
    };
    let rows = json.rows(&batch).unwrap();
    let mut out = Vec::new();
    for row in 0..table.rows() {
        rows.line(row, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// What a column of one value, and of a format, is written as.
fn value(format: &str, value: impl Into<Value>) -> String {
    let table = Table::new().column_of(vec![field("c", format, 0)], [value.into()]);
    let line = written(&table);
    let inner = line.strip_prefix(r#"{"c":"#).unwrap();
    inner.strip_suffix("}\n").unwrap().to_owned()
}

fn refused(fields: Vec<Field>) -> String {
    let refused = JsonLines::new(&Input::new(fields));
    refused.err().unwrap().to_string()
}

#[test]
fn numbers() {
    assert_eq!(value("c", i8::MIN), "-128");
    assert_eq!(value("s", i16::MIN), "-32768");
    assert_eq!(value("i", i32::MIN), "-2147483648");
    assert_eq!(value("l", i64::MIN), "-9223372036854775808");
    assert_eq!(value("C", u8::MAX), "255");
    assert_eq!(value("S", u16::MAX), "65535");
    assert_eq!(value("I", u32::MAX), "4294967295");
    assert_eq!(value("L", u64::MAX), "18446744073709551615");
    assert_eq!(value("b", true), "true");
    assert_eq!(value("b", false), "false");
    assert_eq!(value("d:10,2", 150), "1.50");
    assert_eq!(
        value("d:38,0", i128::from(i64::MAX) * 10),
        "92233720368547758070"
    );
    assert_eq!(value("d:5,5", -7), "-0.00007");
}

#[test]
fn floats_are_the_shortest_digits_of_their_width() {
    assert_eq!(value("g", 1.5), "1.5");
    assert_eq!(value("g", 100.0), "100.0");
    assert_eq!(value("g", -0.0), "-0.0");
    assert_eq!(value("g", 0.1), "0.1");
    assert_eq!(value("g", 1e300), "1e+300");
    assert_eq!(value("f", 0.1_f32), "0.1");
    assert_eq!(value("g", f64::NAN), r#""NaN""#);
    assert_eq!(value("g", f64::INFINITY), r#""Infinity""#);
    assert_eq!(value("f", f32::NEG_INFINITY), r#""-Infinity""#);
}

#[test]
fn texts_are_escaped_and_bytes_are_base64() {
    assert_eq!(value("u", "a\"\\\n\u{1}日/"), r#""a\"\\\n\u0001日/""#);
    assert_eq!(value("u", ""), r#""""#);
    assert_eq!(value("z", b"a".as_slice()), r#""YQ==""#);
    assert_eq!(value("w:3", b"\xff\x00\x01".as_slice()), r#""/wAB""#);
}

#[test]
fn times_are_iso_8601_in_utc_whatever_their_unit_and_zone() {
    let second = 1_767_225_601_i64;
    for (format, moment) in [
        ("tss:", second),
        ("tsm:UTC", second * 1_000),
        ("tsu:", second * 1_000_000),
        ("tsn:Europe/Madrid", second * 1_000_000_000),
    ] {
        assert_eq!(value(format, moment), r#""2026-01-01T00:00:01Z""#);
    }
    assert_eq!(value("tsm:", 1_500), r#""1970-01-01T00:00:01.500000Z""#);
    assert_eq!(value("tsn:", 1_999), r#""1970-01-01T00:00:00.000001Z""#);
    assert_eq!(value("tdD", 20_454), r#""2026-01-01""#);
}

#[test]
fn nulls_are_left_out_of_objects_and_kept_in_lists_and_maps() {
    let table = Table::new()
        .column("n", Int64, [Some(-5), None, None])
        .column("s\"", Utf8, [Some("x"), Some("y"), None])
        .column_of(
            vec![field("l", "+l", 1), field("item", "l", 0)],
            [List(vec![1.into(), Null]), List(vec![]), Null],
        )
        .column_of(
            vec![field("o", "+s", 2), field("a", "i", 0), field("b", "u", 0)],
            [
                Struct(vec![1.into(), "q".into()]),
                Struct(vec![Null, Null]),
                Null,
            ],
        )
        .column_of(
            vec![
                field("k", "+m", 1),
                field("entries", "+s", 2),
                field("key", "u", 0),
                field("value", "g", 0),
            ],
            [
                Map(vec![
                    ("z".into(), f64::NAN.into()),
                    ("y".into(), 100.0.into()),
                    ("n".into(), Null),
                ]),
                Map(vec![]),
                Null,
            ],
        );
    assert_eq!(
        written(&table),
        concat!(
            r#"{"n":-5,"s\"":"x","l":[1,null],"o":{"a":1,"b":"q"},"k":{"z":"NaN","y":100.0,"n":null}}"#,
            "\n",
            r#"{"s\"":"y","l":[],"o":{},"k":{}}"#,
            "\n",
            "{}\n",
        )
    );
}

#[test]
fn types_nest_in_each_other() {
    // A list of structs of a fixed list of timestamps and a fixed binary.
    let table = Table::new().column_of(
        vec![
            field("deep", "+l", 1),
            field("item", "+s", 2),
            field("at", "+w:2", 1),
            field("item", "tsu:UTC", 0),
            field("id", "w:2", 0),
        ],
        [
            List(vec![
                Struct(vec![List(vec![0.into(), Null]), b"ab".as_slice().into()]),
                Null,
                Struct(vec![Null, Null]),
            ]),
            Null,
            List(vec![Struct(vec![
                List(vec![1.into(), 2.into()]),
                b"cd".as_slice().into(),
            ])]),
        ],
    );
    assert_eq!(
        written(&table),
        concat!(
            r#"{"deep":[{"at":["1970-01-01T00:00:00Z",null],"id":"YWI="},null,{}]}"#,
            "\n{}\n",
            r#"{"deep":[{"at":["1970-01-01T00:00:00.000001Z","1970-01-01T00:00:00.000002Z"],"id":"Y2Q="}]}"#,
            "\n",
        )
    );
}

#[test]
fn no_rows_and_no_columns() {
    assert_eq!(written(&Table::new()), "");
    let lists = vec![field("l", "+l", 1), field("item", "u", 0)];
    assert_eq!(written(&Table::new().column_of(lists, [Null; 0])), "");
}

#[test]
fn what_json_cannot_say_is_refused_when_it_opens() {
    assert_eq!(
        refused(vec![field("t", "ttu", 0)]),
        "column `t` cannot be written as JSON: JSON has no form for a time, cast it in SQL before this step"
    );
    assert_eq!(
        refused(vec![field("l", "+l", 1), field("item", "tDm", 0)]),
        "column `l` cannot be written as JSON: JSON has no form for a duration, cast it in SQL before this step"
    );
    assert_eq!(
        refused(vec![
            field("m", "+m", 1),
            field("entries", "+s", 2),
            field("key", "i", 0),
            field("value", "u", 0),
        ]),
        "column `m` cannot be written as JSON: the keys of a JSON object are text, cast those of the map to string before this step"
    );
}

#[test]
fn a_batch_of_other_columns_is_refused() {
    let json = JsonLines::new(&Input::new(vec![field("c", "u", 0)])).unwrap();
    let input = Input::new(vec![field("c", "z", 0)]);
    let (reads, buffers) = (input.read_all(), vec![vec![], vec![0; 8], vec![]]);
    let batch = Batch {
        rows: 1,
        buffers: &buffers,
        reads: &reads,
    };
    assert_eq!(
        json.rows(&batch).err().unwrap().to_string(),
        "the batch has other columns than the input that the JSON lines were made for"
    );
}
