use azud_model::TimestampUnit;

use super::*;

#[test]
fn decimals_are_exact_and_rounded_half_up() {
    for (text, precision, scale, value) in [
        ("1.5", 10, 2, Some(150)),
        ("-1.555", 10, 2, Some(-156)),
        ("1.554", 10, 2, Some(155)),
        (
            "0.1234567890123456789012345678901234567",
            38,
            37,
            Some(1234567890123456789012345678901234567),
        ),
        ("1e3", 10, 0, Some(1000)),
        ("12e-1", 10, 1, Some(12)),
        ("0.0004", 3, 3, Some(0)),
        ("0.5", 3, 0, Some(1)),
        ("99.95", 3, 1, None),
        ("99.94", 3, 1, Some(999)),
        ("1000", 3, 0, None),
        ("1e400", 38, 0, None),
        ("0e400", 38, 0, Some(0)),
        ("", 3, 0, None),
        (".", 3, 0, None),
        ("-", 3, 0, None),
        ("1x", 3, 0, None),
        ("1..2", 3, 0, None),
        ("1e", 3, 0, None),
        ("NaN", 3, 0, None),
    ] {
        assert_eq!(parse_decimal(text, precision, scale), value, "{text}");
    }
    let long = "9".repeat(600);
    assert_eq!(parse_decimal(&long, 38, 0), None);
    assert_eq!(parse_decimal(&format!("0.{long}"), 38, 2), Some(100));
}

#[test]
fn times_are_read_as_utc() {
    let second = 1_767_225_601_000_000;
    for (text, micros) in [
        ("2026-01-01T00:00:01Z", Some(second)),
        ("2026-01-01 00:00:01", Some(second)),
        ("2026-01-01T01:00:01+01:00", Some(second)),
        ("2026-01-01T00:00:01.5Z", Some(second + 500_000)),
        ("2026-01-01T00:00:01.123456789Z", Some(second + 123_456)),
        ("2026-01-01", Some(second - 1_000_000)),
        ("2026-13-01", None),
        ("2026-01-01T25:00:00", None),
        ("2026-01-01T00:00:01é", None),
        ("yesterday", None),
        ("", None),
    ] {
        assert_eq!(micros_from_text(text), micros, "{text}");
    }
}

#[test]
fn numbers_are_times_in_their_unit() {
    use TimestampUnit::{Microsecond, Millisecond, Nanosecond, Second};
    assert_eq!(micros_from_whole(1, Second), Some(1_000_000));
    assert_eq!(micros_from_whole(1, Millisecond), Some(1_000));
    assert_eq!(micros_from_whole(1, Microsecond), Some(1));
    assert_eq!(micros_from_whole(-1, Nanosecond), Some(-1));
    assert_eq!(micros_from_whole(i64::MAX, Second), None);
    assert_eq!(micros_from_number(1.5, Second), Some(1_500_000));
    assert_eq!(micros_from_number(1e30, Second), None);
    assert_eq!(micros_from_number(f64::NAN, Second), None);
}

#[test]
fn what_is_taken_back_leaves_no_trace() {
    let column_type: ColumnType = "struct<a:array<string>,m:map<string,int>>".parse().unwrap();
    let mut builder = Builder::new(&column_type);
    builder.append_null();
    builder.append_null();
    builder.truncate(1);
    builder.append_null();
    let array = builder.finish().unwrap();
    assert_eq!(array.len(), 2);
    assert_eq!(array.data_type(), &column_type.to_arrow());
    assert_eq!(builder.len(), 0);
}
