//! A length of time as people write it: `20ms`, `5s`, `1m`, `1h`, `1d`.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The units, largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A length of time in whole milliseconds, written as a whole number and one of `ms`, `s`, `m`,
/// `h`, `d`.
///
/// There are no fractions and no sums (`1.5s`, `1m30s`): the next smaller unit says the same, and
/// every value then has one obvious reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// A duration of so many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A duration of so many seconds, or the longest there is.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// The whole milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The standard library's type, for timers.
    #[must_use]
    pub const fn get(self) -> time::Duration {
        time::Duration::from_millis(self.0)
    }

    /// Whether no time passes at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.get()
    }
}

/// A text that is no [`Duration`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is not a whole number and a unit.
    #[error("a whole number and one of ms, s, m, h, d, like 5s")]
    Shape,
    /// The number does not fit into 64 bits of milliseconds.
    #[error("too long, at most 213503982334d")]
    TooLong,
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or(DurationError::Shape)?;
        if number.is_empty() {
            return Err(DurationError::Shape);
        }
        let (_, millis) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(DurationError::Shape)?;
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*millis))
            .map(Self)
            .ok_or(DurationError::TooLong)
    }
}

impl fmt::Display for Duration {
    /// Writes the largest unit that is exact, so that what is printed can be read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let exact = UNITS
            .iter()
            .find(|(_, millis)| self.0.is_multiple_of(*millis));
        let (unit, millis) = exact.copied().unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0 / millis)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|reason| de::Error::custom(format!("bad duration `{text}`: {reason}")))
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    // `format` names the parser that a checker with good messages calls; `pattern` is for editors.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number and a unit: 20ms, 5s, 1m, 1h, 1d.",
            "type": "string",
            "format": "duration",
            "pattern": "^[0-9]+(ms|s|m|h|d)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, DurationError};

    #[test]
    fn every_unit_is_read_and_written_back() {
        for (text, millis) in [
            ("0s", 0),
            ("20ms", 20),
            ("5s", 5_000),
            ("90s", 90_000),
            ("1m", 60_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.as_millis(), millis, "{text}");
            assert_eq!(duration.to_string(), text);
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for text in [
            "", "5", "s", "5 s", " 5s", "5 sec", "-5s", "1.5s", "1m30s", "5S", "5µs", "٥s",
        ] {
            assert_eq!(
                text.parse::<Duration>(),
                Err(DurationError::Shape),
                "{text}"
            );
        }
    }

    #[test]
    fn overflow_is_refused() {
        for text in ["18446744073709551616ms", "18446744073709551615s"] {
            assert_eq!(
                text.parse::<Duration>(),
                Err(DurationError::TooLong),
                "{text}"
            );
        }
    }
}
