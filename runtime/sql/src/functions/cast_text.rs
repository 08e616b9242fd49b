//! Text to values and values to text, as Spark reads and writes them.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType};
use arrow::temporal_conversions::timestamp_us_to_datetime;
use datafusion_common::Result;

/// Reads text as values of a type; null where it is none.
pub(super) fn parse(text: &StringArray, to: &DataType) -> Result<ArrayRef> {
    let trimmed = || {
        text.iter()
            .map(|text| text.map(|text| text.trim_matches(is_space)))
    };
    Ok(match to {
        to if to.is_integer() => {
            let whole: Int64Array = trimmed()
                .map(|text| text.and_then(|text| text.parse().ok()))
                .collect();
            cast(&whole, to)?
        }
        to if to.is_floating() => {
            let floats: Float64Array = trimmed().map(|text| text.and_then(float)).collect();
            cast(&floats, to)?
        }
        DataType::Boolean => Arc::new(
            trimmed()
                .map(|text| text.and_then(boolean))
                .collect::<BooleanArray>(),
        ),
        DataType::Date32 => Arc::new(
            trimmed()
                .map(|text| text.and_then(date))
                .collect::<Date32Array>(),
        ),
        DataType::Timestamp(..) => {
            let micros: TimestampMicrosecondArray =
                trimmed().map(|text| text.and_then(timestamp)).collect();
            cast(&micros.with_timezone("UTC"), to)?
        }
        to => cast(&trimmed().collect::<StringArray>(), to)?,
    })
}

/// What Spark trims before it reads a value: control characters and spaces.
fn is_space(letter: char) -> bool {
    letter <= ' ' || letter == '\u{7f}'
}

fn float(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "+inf" | "infinity" | "+infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        lower => {
            // Java reads `1.5d` and `1.5f`.
            let digits = lower.strip_suffix(['d', 'f']).unwrap_or(lower);
            digits
                .ends_with(|end: char| end.is_ascii_digit() || end == '.')
                .then(|| digits.parse().ok())?
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// `2026`, `2026-1`, `2026-01-02`, and that followed by `T` or a space and anything.
fn date(text: &str) -> Option<i32> {
    let end = text.find(['T', ' ']).unwrap_or(text.len());
    let mut parts = text.get(..end)?.split('-');
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| -> Option<u32> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        (plain && digits.contains(&text.len())).then(|| text.parse().ok())?
    };
    let year = number(parts.next()?, 4..=7)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 1..=2))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 1..=2))?;
    if parts.next().is_some() || (end < text.len() && text.matches('-').count() < 2) {
        return None;
    }
    days(i64::from(year), month, day)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, if there is such a day.
fn days(year: i64, month: u32, day: u32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years that start in March: the leap day comes last.
    let (year, month) = match month <= 2 {
        true => (year - 1, month + 9),
        false => (year, month - 3),
    };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = i64::from((153 * month + 2) / 5 + day - 1);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

/// A date, perhaps with a time and a zone; UTC without one.
fn timestamp(text: &str) -> Option<i64> {
    let day = |text| Some(i64::from(date(text)?) * 86_400_000_000);
    let Some((front, rest)) = text.split_once(['T', ' ']) else {
        return day(text);
    };
    let rest = rest.trim();
    let zone = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone)?;
    let mut parts = clock.trim_end().split(':');
    let number = |text: &str| -> Option<i64> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        (plain && (1..=2).contains(&text.len())).then(|| text.parse().ok())?
    };
    let hour = number(parts.next()?)?;
    let minute = parts.next().map_or(Some(0), number)?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (number(seconds)?, 0),
            Some((seconds, fraction)) => (number(seconds)?, micros(fraction)?),
        },
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let clock = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
    day(front)?.checked_add(clock)?.checked_sub(offset(zone)?)
}

/// The digits after the point of seconds; what is finer is cut.
fn micros(digits: &str) -> Option<i64> {
    if digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<6}").get(..6)?.parse().ok()
}

/// `Z`, `+02:00`, `-5`, or nothing.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next() {
        None | Some('Z') => return (zone.len() <= 1).then_some(0),
        Some('-') => -1,
        Some(_) => 1,
    };
    let digits = zone.get(1..)?;
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some((hours, minutes)), _) => (hours, minutes),
        (None, 4) => digits.split_at_checked(2)?,
        (None, _) => (digits, "0"),
    };
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 18 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

/// Floats as Java writes them: `1.0`, `1.0E10`.
pub(super) fn floats(values: &ArrayRef) -> ArrayRef {
    let text: StringArray = match values.data_type() {
        DataType::Float32 => values
            .as_primitive::<Float32Type>()
            .iter()
            .map(|value| value.map(|value| java(f64::from(value), &format!("{value:e}"))))
            .collect(),
        _ => values
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map(|value| java(value, &format!("{value:e}"))))
            .collect(),
    };
    Arc::new(text)
}

/// `scientific` is the shortest form with an exponent: `1.5e-7`, `inf`.
fn java(value: f64, scientific: &str) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value != 0.0 && !(-3..7).contains(&exponent) {
        let point = if digits.contains('.') { "" } else { ".0" };
        return format!("{digits}{point}E{exponent}");
    }
    plain(digits, exponent)
}

/// `1.25` and `1` as `12.5`.
fn plain(digits: &str, exponent: i32) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let all = digits.replace('.', "");
    let point = exponent + 1;
    let (whole, fraction) = match usize::try_from(point) {
        Err(_) | Ok(0) => {
            let zeros = "0".repeat(point.unsigned_abs() as usize);
            ("0".to_owned(), zeros + &all)
        }
        Ok(point) => {
            let padded = format!("{all:0<point$}");
            let (whole, fraction) = padded.split_at_checked(point).unwrap_or((&padded, ""));
            (whole.to_owned(), fraction.to_owned())
        }
    };
    let fraction = if fraction.is_empty() { "0" } else { &fraction };
    format!("{sign}{whole}.{fraction}")
}

/// `2026-01-02 03:04:05`, with `.06` where it is not whole.
pub(super) fn timestamps(
    values: &arrow::array::PrimitiveArray<TimestampMicrosecondType>,
) -> ArrayRef {
    debug_assert!(matches!(
        values.data_type(),
        DataType::Timestamp(TimeUnit::Microsecond, _)
    ));
    let text: StringArray = values
        .iter()
        .map(|micros| {
            let time = timestamp_us_to_datetime(micros?)?;
            let text = time.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
            let text = text.trim_end_matches('0');
            Some(match text.strip_suffix('.') {
                Some(whole) => whole.to_owned(),
                None if text.contains('.') => text.to_owned(),
                None => time.format("%Y-%m-%d %H:%M:%S").to_string(),
            })
        })
        .collect();
    Arc::new(text)
}
