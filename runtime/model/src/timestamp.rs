//! Timestamps as text.

use jiff::Timestamp;

/// ISO 8601 in UTC, to the millisecond: `2026-01-01T00:00:00.000Z`.
pub fn iso_timestamp(wall_ms: i64) -> String {
    match Timestamp::from_millisecond(wall_ms) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => format!("{wall_ms} ms"),
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
}
