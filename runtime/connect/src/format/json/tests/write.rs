//! Writing, and reading back what was written.

use crate::{Format, encoder, row_json, whole_row_json};

use super::decode;

fn written(schema: &[(&str, &str)], lines: &[&str]) -> String {
    let decoded = decode(schema, lines);
    assert_eq!(decoded.bad, []);
    let batch = decoded.batch.columns();
    let mut out = Vec::new();
    encoder(Format::Json, &batch.schema())
        .unwrap()
        .encode(batch, &mut out)
        .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_is_written_reads_back() {
    let schema = [
        ("s", "string"),
        ("n", "bigint"),
        ("d", "double"),
        ("f", "float"),
        ("b", "boolean"),
        ("m", "decimal(10,2)"),
        ("t", "timestamp"),
        ("day", "date"),
        ("x", "binary"),
        ("l", "array<timestamp>"),
        ("o", "struct<a:int,b:string>"),
        ("k", "map<string,double>"),
    ];
    let lines = concat!(
        r#"{"s":"a\"\n日","n":-5,"d":1.5,"f":0.1,"b":true,"m":1.50,"t":"2026-01-01T00:00:01Z","#,
        r#""day":"2026-01-01","x":"YQ==","l":["2026-01-01T00:00:01.500000Z",null],"#,
        r#""o":{"b":"q"},"k":{"z":"NaN","y":100.0,"n":null}}"#,
        "\n",
        r#"{"d":"NaN","f":"-Infinity"}"#,
        "\n",
        "{}\n",
    );
    let split: Vec<&str> = lines.lines().collect();
    assert_eq!(written(&schema, &split), lines);
}

#[test]
fn a_row_alone_has_no_line_end() {
    let decoded = decode(
        &[("a", "int"), ("b", "string")],
        &[r#"{"a":1}"#, r#"{"b":"x"}"#],
    );
    let batch = decoded.batch.columns();
    assert_eq!(row_json(batch, 0), br#"{"a":1}"#);
    assert_eq!(row_json(batch, 1), br#"{"b":"x"}"#);
    assert_eq!(row_json(batch, 2), b"{}");
    assert_eq!(whole_row_json(batch, 0), br#"{"a":1,"b":null}"#);
    assert_eq!(whole_row_json(batch, 1), br#"{"a":null,"b":"x"}"#);
}

#[test]
fn keys_that_are_no_text_are_refused_before_anything_runs() {
    let decoded = decode(
        &[("m", "map<int,string>"), ("a", "int")],
        &[r#"{"m":{"1":"a"},"a":7}"#],
    );
    let batch = decoded.batch.columns();
    let refused = encoder(Format::Json, &batch.schema()).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "format `json`, column `m`: the keys of a JSON object are text: cast those of \
         map<int,string> to string"
    );
    // A rejected row is not refused for it.
    assert_eq!(row_json(batch, 0), br#"{"a":7}"#);
    assert_eq!(whole_row_json(batch, 0), br#"{"m":{"1":"a"},"a":7}"#);
}

/// Dates and timestamps reach further than the calendars of Arrow's own texts.
#[test]
fn far_dates_and_timestamps_are_written_as_what_they_are() {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Date32Array, ListArray, RecordBatch, TimestampMicrosecondArray,
        TimestampSecondArray,
    };
    use arrow::datatypes::Date32Type;
    let columns: [(&str, ArrayRef); 4] = [
        (
            "day",
            Arc::new(Date32Array::from(vec![
                Some(i32::MAX),
                Some(2_932_897),
                None,
            ])),
        ),
        (
            "s",
            Arc::new(TimestampSecondArray::from(vec![
                Some(i64::MAX),
                None,
                Some(1),
            ])),
        ),
        (
            "t",
            Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX, i64::MIN, 1])),
        ),
        (
            "l",
            Arc::new(ListArray::from_iter_primitive::<Date32Type, _, _>([
                Some(vec![Some(i32::MIN)]),
                None,
                Some(vec![Some(0)]),
            ])),
        ),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    );
    let batch = batch.unwrap();
    let mut out = Vec::new();
    let mut json = encoder(Format::Json, &batch.schema()).unwrap();
    json.encode(&batch, &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        concat!(
            r#"{"day":"+5881580-07-11","s":"+292277026596-12-04T15:30:07Z","#,
            r#""t":"+294247-01-10T04:00:54.775807Z","l":["-5877641-06-23"]}"#,
            "\n",
            r#"{"day":"+10000-01-01","t":"-290308-12-21T19:59:05.224192Z"}"#,
            "\n",
            r#"{"s":"1970-01-01T00:00:01Z","t":"1970-01-01T00:00:00.000001Z","l":["1970-01-01"]}"#,
            "\n",
        )
    );
}

/// What a rejected row is replayed from is the row that it was.
#[test]
fn a_row_alone_reads_back_as_it_was() {
    let schema = [
        ("s", "string"),
        ("tiny", "tinyint"),
        ("n", "bigint"),
        ("d", "double"),
        ("f", "float"),
        ("b", "boolean"),
        ("m", "decimal(38,9)"),
        ("t", "timestamp"),
        ("day", "date"),
        ("x", "binary"),
        ("l", "array<array<timestamp>>"),
        ("o", "struct<a:int,b:struct<c:binary>>"),
        ("k", "map<string,double>"),
        ("by", "map<bigint,array<decimal(5,1)>>"),
        ("on", "map<date,map<boolean,string>>"),
    ];
    let rows = [
        concat!(
            r#"{"s":"a\"\n\u0000日","tiny":-128,"n":-9223372036854775808,"d":-0.0,"f":1.17549435e-38,"b":true,"#,
            r#""m":12345678901234567890123456789.123456789,"t":"2026-01-01T00:00:01.000001Z","#,
            r#""day":"0001-01-01","x":"AP8KDQ==","l":[["2026-01-01T00:00:01Z",null],null,[]],"#,
            r#""o":{"a":null,"b":{"c":"AA=="}},"k":{"":null,"z":"NaN","y":0.1},"#,
            r#""by":{"-5":[1.5,null],"7":null},"on":{"2026-02-03":{"true":"t","false":null}}}"#,
        ),
        r#"{"d":"NaN","f":"-Infinity","o":{},"k":{},"l":[],"x":"","s":""}"#,
        r#"{"d":1.7976931348623157e308,"f":3.4028235e38,"o":{"b":{}},"t":"1969-12-31T23:59:59.999999Z"}"#,
        "{}",
    ];
    let first = decode(&schema, &rows);
    assert_eq!(first.bad, []);
    let batch = first.batch.columns();
    let texts: Vec<String> = (0..rows.len())
        .map(|row| String::from_utf8(whole_row_json(batch, row)).unwrap())
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let again = decode(&schema, &texts);
    assert_eq!(again.bad, []);
    assert_eq!(again.batch.columns(), batch);
    assert!(
        texts[3].starts_with(r#"{"s":null,"tiny":null,"n":null,"#),
        "{}",
        texts[3]
    );
}
