//! Dates and timestamps, in the proleptic Gregorian calendar and UTC.
//!
//! A column reaches further than the calendars of the usual crates, and what is in a
//! column must be writable.

use std::io::Write as _;

const DAY: i64 = 86_400_000_000;

/// Appends a date, in days since 1970-01-01: `2026-01-01`.
pub(super) fn date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = of_days(days);
    // Writing to memory cannot fail, here and below.
    let _ = match year {
        0..=9999 => write!(out, "{year:04}-{month:02}-{day:02}"),
        _ => write!(out, "{year:+05}-{month:02}-{day:02}"),
    };
}

/// Appends a timestamp, in microseconds since 1970: `2026-01-01T00:00:01Z`, with a
/// fraction of six digits where it is not zero.
pub(super) fn timestamp(micros: i64, out: &mut Vec<u8>) {
    let (year, month, day) = of_days(micros.div_euclid(DAY));
    let of_day = micros.rem_euclid(DAY);
    let hour = of_day / 3_600_000_000;
    let minute = of_day / 60_000_000 % 60;
    let second = of_day / 1_000_000 % 60;
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    );
    let fraction = of_day % 1_000_000;
    if fraction != 0 {
        let _ = write!(out, ".{fraction:06}");
    }
    out.push(b'Z');
}

/// Year, month and day of a day, counted from 1970-01-01.
fn of_days(days: i64) -> (i64, i64, i64) {
    // Years start in March here, so that the leap day is the last of one; 400 years
    // (an era) have 146,097 days.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = match march_month {
        0..10 => march_month + 3,
        _ => march_month - 9,
    };
    (
        year_of_era + era * 400 + i64::from(month <= 2),
        month,
        of_year - (153 * march_month + 2) / 5 + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: fn(i64, &mut Vec<u8>), value: i64) -> String {
        let mut out = Vec::new();
        write(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_days() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_454, "2026-01-01"),
            (-719_468, "0000-03-01"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+10000-01-01"),
            (-719_529, "-0001-12-31"),
            (i32::MAX.into(), "+5881580-07-11"),
            (i32::MIN.into(), "-5877641-06-23"),
        ] {
            assert_eq!(written(date, days), text);
        }
    }

    #[test]
    fn known_moments() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_225_601_000_000, "2026-01-01T00:00:01Z"),
            (1_767_225_601_000_005, "2026-01-01T00:00:01.000005Z"),
            (1_767_225_601_500_000, "2026-01-01T00:00:01.500000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (i64::MAX, "294247-01-10T04:00:54.775807Z"),
            (i64::MIN, "-290308-12-21T19:59:05.224192Z"),
        ] {
            assert_eq!(written(timestamp, micros), text);
        }
    }
}
