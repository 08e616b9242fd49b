//! Points in time, from text and numbers to microseconds UTC.

use std::sync::LazyLock;

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::string_to_datetime;
use azud_model::TimestampUnit;

static UTC: LazyLock<Option<Tz>> = LazyLock::new(|| "+00:00".parse().ok());

/// Reads ISO 8601: a date, or a date and a time with or without a zone; without, it is UTC.
/// What is finer than a microsecond is cut off.
pub(crate) fn micros_from_text(text: &str) -> Option<i64> {
    let zone = UTC.as_ref()?;
    let time = string_to_datetime(zone, text).ok()?;
    Some(time.timestamp_micros())
}

/// Reads a whole number; what is finer than a microsecond is cut off.
pub(crate) fn micros_from_whole(value: i64, unit: TimestampUnit) -> Option<i64> {
    match unit {
        TimestampUnit::Second => value.checked_mul(1_000_000),
        TimestampUnit::Millisecond => value.checked_mul(1_000),
        TimestampUnit::Microsecond => Some(value),
        TimestampUnit::Nanosecond => Some(value.div_euclid(1_000)),
    }
}

/// Reads a number with a fraction, to the nearest microsecond that a double can tell.
pub(crate) fn micros_from_number(value: f64, unit: TimestampUnit) -> Option<i64> {
    let micros = match unit {
        TimestampUnit::Second => value * 1e6,
        TimestampUnit::Millisecond => value * 1e3,
        TimestampUnit::Microsecond => value,
        TimestampUnit::Nanosecond => value / 1e3,
    };
    // -2^63 is a double and the first whole number beyond i64 is too.
    let fits = micros >= i64::MIN as f64 && micros < i64::MAX as f64;
    fits.then(|| micros.round() as i64)
}
