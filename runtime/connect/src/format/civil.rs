//! Calendar dates and times of day, UTC.
//!
//! A timestamp column reaches further than the calendars of the usual crates
//! (jiff: year 9999, chrono: 262142), and what is in a column must be printable. Years beyond
//! 9999 have a sign, as in ISO 8601 and in Spark.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};

/// Seconds.
const DAY: i64 = 86_400;

/// A point in time, taken apart: proleptic Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: i64,
    /// The day, 1 to 31.
    pub day: i64,
    /// The hour, 0 to 23.
    pub hour: i64,
    /// The minute.
    pub minute: i64,
    /// The second; there are no leap seconds.
    pub second: i64,
    /// The microsecond.
    pub micros: i64,
}

// === impl DateTime ===

impl DateTime {
    /// Takes microseconds since 1970-01-01T00:00:00Z apart.
    pub fn from_micros(micros: i64) -> Self {
        let seconds = micros.div_euclid(1_000_000);
        Self::from_seconds(seconds, micros.rem_euclid(1_000_000))
    }

    /// The value of a row of dates or timestamps, of whatever unit; `None` of other columns.
    /// A timestamp in seconds reaches much further than one in microseconds.
    pub fn of(column: &dyn Array, row: usize) -> Option<Self> {
        Some(match column.data_type() {
            DataType::Date32 => {
                Self::from_days(column.as_primitive::<Date32Type>().value(row).into())
            }
            DataType::Date64 => {
                let millis = column.as_primitive::<Date64Type>().value(row);
                Self::from_days(millis.div_euclid(1_000 * DAY))
            }
            DataType::Timestamp(TimeUnit::Second, _) => {
                Self::from_seconds(column.as_primitive::<TimestampSecondType>().value(row), 0)
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                let millis = column.as_primitive::<TimestampMillisecondType>().value(row);
                Self::from_seconds(millis.div_euclid(1_000), millis.rem_euclid(1_000) * 1_000)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::from_micros(column.as_primitive::<TimestampMicrosecondType>().value(row))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                let nanos = column.as_primitive::<TimestampNanosecondType>().value(row);
                Self::from_micros(nanos.div_euclid(1_000))
            }
            _ => return None,
        })
    }

    fn from_seconds(seconds: i64, micros: i64) -> Self {
        let of_day = seconds.rem_euclid(DAY);
        Self {
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            micros,
            ..Self::from_days(seconds.div_euclid(DAY))
        }
    }

    /// The start of a day, counted from 1970-01-01.
    pub fn from_days(days: i64) -> Self {
        // Years start in March here, so that the leap day is the last of one;
        // 400 years (an era) have 146,097 days.
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * march_month + 2) / 5 + 1,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
        }
    }

    /// `2026-01-01`, `+10000-01-01`, `-0001-12-31`.
    pub fn date(&self) -> String {
        let sign = match self.year {
            ..0 => "-",
            0..=9999 => "",
            _ => "+",
        };
        let (year, month, day) = (self.year.unsigned_abs(), self.month, self.day);
        format!("{sign}{year:04}-{month:02}-{day:02}")
    }

    /// `00:00:01`, and `.ffffff` where not zero.
    pub fn time(&self) -> String {
        let (hour, minute, second) = (self.hour, self.minute, self.second);
        match self.micros {
            0 => format!("{hour:02}:{minute:02}:{second:02}"),
            micros => format!("{hour:02}:{minute:02}:{second:02}.{micros:06}"),
        }
    }

    /// ISO 8601: `2026-01-01T00:00:01Z`.
    pub fn iso(&self) -> String {
        format!("{}T{}Z", self.date(), self.time())
    }

    /// Appends what [`Self::iso`] returns: encoders write millions of these.
    pub fn write_iso(&self, out: &mut Vec<u8>) {
        if !(0..=9999).contains(&self.year) {
            return out.extend_from_slice(self.iso().as_bytes());
        }
        two_digits(self.year / 100, out);
        two_digits(self.year % 100, out);
        for (mark, part) in [
            (b'-', self.month),
            (b'-', self.day),
            (b'T', self.hour),
            (b':', self.minute),
            (b':', self.second),
        ] {
            out.push(mark);
            two_digits(part, out);
        }
        if self.micros != 0 {
            out.push(b'.');
            two_digits(self.micros / 10_000, out);
            two_digits(self.micros / 100 % 100, out);
            two_digits(self.micros % 100, out);
        }
        out.push(b'Z');
    }
}

/// Appends a number below 100.
fn two_digits(number: i64, out: &mut Vec<u8>) {
    let digit = |value: i64| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[digit(number / 10), digit(number)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (days, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_454, "2026-01-01"),
            (-719_468, "0000-03-01"),
            (2_932_896, "9999-12-31"),
            (-719_529, "-0001-12-31"),
            (2_932_897, "+10000-01-01"),
            (i64::from(i32::MAX), "+5881580-07-11"),
            (i64::from(i32::MIN), "-5877641-06-23"),
        ] {
            assert_eq!(DateTime::from_days(days).date(), date);
        }
    }

    #[test]
    fn fractions_show_only_where_there_are_any() {
        let at = 1_767_225_601_000_000;
        assert_eq!(DateTime::from_micros(at).iso(), "2026-01-01T00:00:01Z");
        assert_eq!(
            DateTime::from_micros(at + 5).iso(),
            "2026-01-01T00:00:01.000005Z"
        );
        assert_eq!(
            DateTime::from_micros(-1).iso(),
            "1969-12-31T23:59:59.999999Z"
        );
    }

    #[test]
    fn both_ways_to_write_agree() {
        let samples = (0..2_000).map(|n| n * 9_223_372_036_854_775 - i64::MAX);
        for micros in samples.chain([0, 1, -1, 1_767_225_601_000_000, 253_402_300_799_999_999]) {
            let time = DateTime::from_micros(micros);
            let mut out = Vec::new();
            time.write_iso(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), time.iso());
        }
    }

    #[test]
    fn the_ends_of_the_range_are_printable() {
        assert_eq!(DateTime::from_micros(i64::MAX).date(), "+294247-01-10");
        assert_eq!(DateTime::from_micros(i64::MIN).date(), "-290308-12-21");
    }

    #[test]
    fn every_unit_is_read_as_what_it_is() {
        use arrow::array::{
            Date32Array, Date64Array, TimestampMicrosecondArray, TimestampMillisecondArray,
            TimestampNanosecondArray, TimestampSecondArray,
        };
        let of = |column: &dyn Array| DateTime::of(column, 0).unwrap().iso();
        for (column, expected) in [
            (
                &Date32Array::from(vec![-1]) as &dyn Array,
                "1969-12-31T00:00:00Z",
            ),
            (&Date64Array::from(vec![86_400_000]), "1970-01-02T00:00:00Z"),
            (
                &TimestampSecondArray::from(vec![-1]),
                "1969-12-31T23:59:59Z",
            ),
            (
                &TimestampSecondArray::from(vec![i64::MAX]),
                "+292277026596-12-04T15:30:07Z",
            ),
            (
                &TimestampMillisecondArray::from(vec![-1]),
                "1969-12-31T23:59:59.999000Z",
            ),
            (
                &TimestampMillisecondArray::from(vec![i64::MAX]),
                "+292278994-08-17T07:12:55.807000Z",
            ),
            (
                &TimestampMicrosecondArray::from(vec![-1]),
                "1969-12-31T23:59:59.999999Z",
            ),
            (
                &TimestampNanosecondArray::from(vec![1_999]),
                "1970-01-01T00:00:00.000001Z",
            ),
        ] {
            assert_eq!(of(column), expected);
        }
        assert_eq!(
            DateTime::of(&arrow::array::Int64Array::from(vec![1]), 0),
            None
        );
    }
}
