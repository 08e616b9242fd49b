use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    ListArray, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type};

use super::*;

/// The rows of one column as tuples show them, and alone.
fn both(column: ArrayRef) -> Vec<(String, String)> {
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1; column.len()]));
    let alone = RecordBatch::try_from_iter([("a", column.clone())]).unwrap();
    let pair = RecordBatch::try_from_iter([("a", column), ("b", one)]).unwrap();
    (0..alone.num_rows())
        .map(|row| {
            let (mut text, mut tuple) = (String::new(), String::new());
            PythonRows::new(&alone).write(row, &mut text);
            PythonRows::new(&pair).write(row, &mut tuple);
            let inner = tuple
                .strip_prefix('(')
                .unwrap()
                .strip_suffix(", 1)")
                .unwrap();
            (text, inner.to_owned())
        })
        .collect()
}

fn check(column: impl arrow::array::Array + 'static, expected: &[(&str, &str)]) {
    let found = both(Arc::new(column));
    let found: Vec<_> = found
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn text() {
    check(
        StringArray::from(vec![
            Some("a"),
            None,
            Some("it's"),
            Some("'\""),
            Some("\\\n\t\r\0\x7f"),
            Some("é日😀"),
            Some("\u{a0}\u{200b}\u{e000}\u{10ffff}"),
            Some("e\u{301}"),
        ]),
        &[
            ("a", "'a'"),
            ("None", "None"),
            ("it's", "\"it's\""),
            ("'\"", "'\\'\"'"),
            ("\\\n\t\r\0\x7f", "'\\\\\\n\\t\\r\\x00\\x7f'"),
            ("é日😀", "'é日😀'"),
            (
                "\u{a0}\u{200b}\u{e000}\u{10ffff}",
                "'\\xa0\\u200b\\ue000\\U0010ffff'",
            ),
            ("e\u{301}", "'e\u{301}'"),
        ],
    );
}

#[test]
fn numbers() {
    let floats = [
        (2.5, "2.5"),
        (100.0, "100.0"),
        (1e20, "1e+20"),
        (1e16, "1e+16"),
        (1e15, "1000000000000000.0"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (-0.0, "-0.0"),
        (f64::NAN, "nan"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (1.7e308, "1.7e+308"),
    ];
    let expected: Vec<_> = floats.iter().map(|(_, text)| (*text, *text)).collect();
    check(
        Float64Array::from_iter_values(floats.iter().map(|(value, _)| *value)),
        &expected,
    );
    check(
        BooleanArray::from(vec![true, false]),
        &[("True", "True"), ("False", "False")],
    );
    check(
        Decimal128Array::from(vec![150, -5, 0])
            .with_precision_and_scale(10, 2)
            .unwrap(),
        &[
            ("1.50", "Decimal('1.50')"),
            ("-0.05", "Decimal('-0.05')"),
            ("0.00", "Decimal('0.00')"),
        ],
    );
    check(
        Decimal128Array::from(vec![0, 15])
            .with_precision_and_scale(20, 10)
            .unwrap(),
        &[
            ("0E-10", "Decimal('0E-10')"),
            ("1.5E-9", "Decimal('1.5E-9')"),
        ],
    );
}

#[test]
fn times_and_bytes() {
    let second = 1_767_225_601_000_000;
    check(
        TimestampMicrosecondArray::from(vec![second, second - 1_000_000, second + 5])
            .with_timezone("UTC"),
        &[
            (
                "2026-01-01 00:00:01",
                "datetime.datetime(2026, 1, 1, 0, 0, 1)",
            ),
            ("2026-01-01 00:00:00", "datetime.datetime(2026, 1, 1, 0, 0)"),
            (
                "2026-01-01 00:00:01.000005",
                "datetime.datetime(2026, 1, 1, 0, 0, 1, 5)",
            ),
        ],
    );
    check(
        Date32Array::from(vec![20_454]),
        &[("2026-01-01", "datetime.date(2026, 1, 1)")],
    );
    check(
        BinaryArray::from(vec![&b"a\x00'\xff"[..]]),
        &[(
            "bytearray(b\"a\\x00'\\xff\")",
            "bytearray(b\"a\\x00'\\xff\")",
        )],
    );
}

#[test]
fn nested() {
    check(
        ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), None]), None]),
        &[("[1, None]", "[1, None]"), ("None", "None")],
    );
    let fields = vec![
        Arc::new(Field::new("a", DataType::Int64, true)),
        Arc::new(Field::new("b", DataType::Utf8, true)),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1])),
        Arc::new(StringArray::from(vec!["x"])),
    ];
    check(
        StructArray::new(fields.into(), columns, None),
        &[("Row(a=1, b='x')", "Row(a=1, b='x')")],
    );
}
