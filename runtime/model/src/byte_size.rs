//! A number of bytes as people write it: `64MiB`, `1GB`, `4096`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The units, largest first, with their size in bytes.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes, written as a whole number with a unit (`B`, `KB`, `MB`, `GB`, `TB` of 1,000;
/// `KiB`, `MiB`, `GiB`, `TiB` of 1,024) or as a plain number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of so many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size of so many MiB, or the largest there is.
    #[must_use]
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// The bytes as a length in memory, or the largest length where addresses are shorter.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A text that is no [`ByteSize`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ByteSizeError {
    /// The text is not a whole number and a unit.
    #[error("a whole number and one of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB, like 64MiB")]
    Shape,
    /// The number does not fit into 64 bits of bytes.
    #[error("too large, at most 16777215TiB")]
    TooLarge,
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or(ByteSizeError::Shape)?;
        if number.is_empty() {
            return Err(ByteSizeError::Shape);
        }
        // `kB` is how SI writes it; everything else is as in the list.
        let unit = match unit {
            "" => "B",
            "kB" => "KB",
            unit => unit,
        };
        let (_, bytes) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(ByteSizeError::Shape)?;
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*bytes))
            .map(Self)
            .ok_or(ByteSizeError::TooLarge)
    }
}

impl fmt::Display for ByteSize {
    /// Writes the largest unit that is exact, so that what is printed can be read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS
            .iter()
            .find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = exact.copied().unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size like 64MiB")
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
        u64::try_from(bytes)
            .map(ByteSize)
            .map_err(|_| de::Error::invalid_value(de::Unexpected::Signed(bytes), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse()
            .map_err(|reason| de::Error::custom(format!("bad size `{text}`: {reason}")))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    // `format` names the parser that a checker with good messages calls; `pattern` is for editors.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number and a unit (64MiB, 1GB), or a number of bytes.",
            "type": ["string", "integer"],
            "format": "byte-size",
            "pattern": "^[0-9]+(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$",
            "minimum": 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteSize, ByteSizeError};

    #[test]
    fn every_unit_is_read_and_written_back() {
        for (text, bytes, written) in [
            ("0", 0, "0B"),
            ("4097", 4_097, "4097B"),
            ("10B", 10, "10B"),
            ("1kB", 1_000, "1KB"),
            ("2MB", 2_000_000, "2MB"),
            ("64MiB", 64 << 20, "64MiB"),
            ("1024MiB", 1 << 30, "1GiB"),
            ("3TB", 3_000_000_000_000, "3TB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.as_bytes(), bytes, "{text}");
            assert_eq!(size.to_string(), written);
            assert_eq!(written.parse(), Ok(size));
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for text in ["", "MiB", "64 MiB", "64M", "64mib", "-1", "1.5GB", " 1B"] {
            assert_eq!(
                text.parse::<ByteSize>(),
                Err(ByteSizeError::Shape),
                "{text}"
            );
        }
    }

    #[test]
    fn overflow_is_refused() {
        for text in ["18446744073709551616", "16777216TiB"] {
            assert_eq!(
                text.parse::<ByteSize>(),
                Err(ByteSizeError::TooLarge),
                "{text}"
            );
        }
    }
}
