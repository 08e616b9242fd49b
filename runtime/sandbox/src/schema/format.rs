//! Format strings of the Arrow C data interface, of types without children.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL128_MAX_SCALE, DataType, TimeUnit};

/// The format of a type that has no children.
pub(super) fn of(data_type: &DataType) -> Option<String> {
    let format = match data_type {
        DataType::Boolean => "b",
        DataType::Int8 => "c",
        DataType::Int16 => "s",
        DataType::Int32 => "i",
        DataType::Int64 => "l",
        DataType::UInt8 => "C",
        DataType::UInt16 => "S",
        DataType::UInt32 => "I",
        DataType::UInt64 => "L",
        DataType::Float32 => "f",
        DataType::Float64 => "g",
        DataType::Utf8 => "u",
        DataType::Binary => "z",
        DataType::Date32 => "tdD",
        DataType::Time32(TimeUnit::Millisecond) => "ttm",
        DataType::Time64(TimeUnit::Microsecond) => "ttu",
        DataType::Duration(TimeUnit::Millisecond) => "tDm",
        DataType::FixedSizeBinary(width) => return Some(format!("w:{width}")),
        DataType::Decimal128(precision, scale) => return Some(format!("d:{precision},{scale}")),
        DataType::Timestamp(unit, zone) => {
            let unit = match unit {
                TimeUnit::Second => 's',
                TimeUnit::Millisecond => 'm',
                TimeUnit::Microsecond => 'u',
                TimeUnit::Nanosecond => 'n',
            };
            return Some(format!("ts{unit}:{}", zone.as_deref().unwrap_or_default()));
        }
        _ => return None,
    };
    Some(format.into())
}

/// The type that a format without children means.
pub(super) fn parse(format: &str) -> Option<DataType> {
    Some(match format {
        "b" => DataType::Boolean,
        "c" => DataType::Int8,
        "s" => DataType::Int16,
        "i" => DataType::Int32,
        "l" => DataType::Int64,
        "C" => DataType::UInt8,
        "S" => DataType::UInt16,
        "I" => DataType::UInt32,
        "L" => DataType::UInt64,
        "f" => DataType::Float32,
        "g" => DataType::Float64,
        "u" => DataType::Utf8,
        "z" => DataType::Binary,
        "tdD" => DataType::Date32,
        "ttm" => DataType::Time32(TimeUnit::Millisecond),
        "ttu" => DataType::Time64(TimeUnit::Microsecond),
        "tDm" => DataType::Duration(TimeUnit::Millisecond),
        _ => {
            return match format.split_once(':')? {
                ("w", width) => Some(DataType::FixedSizeBinary(size(width)?)),
                ("d", parameters) => decimal(parameters),
                ("tss", zone) => timestamp(TimeUnit::Second, zone),
                ("tsm", zone) => timestamp(TimeUnit::Millisecond, zone),
                ("tsu", zone) => timestamp(TimeUnit::Microsecond, zone),
                ("tsn", zone) => timestamp(TimeUnit::Nanosecond, zone),
                _ => None,
            };
        }
    })
}

/// A width or a list's size. Zero is none: rows that take no space could be many.
pub(super) fn size(text: &str) -> Option<i32> {
    number(text).and_then(|size: i32| (size > 0).then_some(size))
}

fn decimal(parameters: &str) -> Option<DataType> {
    let (precision, scale) = parameters.split_once(',')?;
    let (precision, scale) = (number::<u8>(precision)?, scale.parse::<i8>().ok()?);
    let fits = (1..=DECIMAL128_MAX_PRECISION).contains(&precision)
        && scale.unsigned_abs() <= DECIMAL128_MAX_SCALE.unsigned_abs()
        && i16::from(scale) <= i16::from(precision);
    fits.then_some(DataType::Decimal128(precision, scale))
}

fn timestamp(unit: TimeUnit, zone: &str) -> Option<DataType> {
    // Names such as Europe/Madrid and offsets such as +01:00.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-:".contains(&byte);
    let fits = zone.len() <= 64 && zone.bytes().all(plain);
    fits.then(|| DataType::Timestamp(unit, (!zone.is_empty()).then(|| zone.into())))
}

/// Digits only: `parse` alone would take a sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}
