//! Timestamps as text.

use jiff::Timestamp;

/// ISO 8601 in UTC, to the millisecond: `2026-01-01T00:00:00.000Z`.
pub fn iso_timestamp(wall_ms: i64) -> String {
    match Timestamp::from_millisecond(wall_ms) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => format!("{wall_ms} ms"),
    }
}

/// Microseconds since 1970 as ISO 8601 in UTC, with no more of a fraction than there is:
/// `2026-01-01T00:00:00Z`.
pub fn iso_micros(micros: i64) -> String {
    match Timestamp::from_microsecond(micros) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => format!("{micros} us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_three_digits_of_seconds() {
        assert_eq!(iso_timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso_timestamp(1_767_225_601_050), "2026-01-01T00:00:01.050Z");
    }

    #[test]
    fn event_times_have_the_digits_that_they_need() {
        let second = 1_767_225_601_000_000;
        assert_eq!(iso_micros(second), "2026-01-01T00:00:01Z");
        assert_eq!(iso_micros(second + 500_000), "2026-01-01T00:00:01.5Z");
        assert_eq!(iso_micros(second + 1), "2026-01-01T00:00:01.000001Z");
        assert_eq!(iso_micros(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(iso_micros(i64::MAX), "9223372036854775807 us");
    }
}
