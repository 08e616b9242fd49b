//! `min`, `max` and `sequence`: read, filled with defaults, checked.

use std::str::FromStr;

use azud_model::{ColumnType, Duration};
use serde_json::Value;

use crate::literal::{double, whole};
use crate::maker::Maker;
use crate::options::{ColumnSettings, Step};
use crate::whole::Whole;

/// The last microsecond and the last day of the year 9999.
const LAST_MICROS: i64 = 253_402_300_799_999_999;
const LAST_DAY: i64 = 2_932_896;

const DAY_MS: u64 = 86_400_000;

pub(crate) fn is_given(settings: &ColumnSettings) -> bool {
    settings.min.is_some() || settings.max.is_some() || is_sequence(settings)
}

fn is_sequence(settings: &ColumnSettings) -> bool {
    settings.sequence.as_ref().is_some_and(Step::is_on)
}

/// The whole numbers of an integer, decimal, date or timestamp.
pub(crate) fn wholes(
    name: &str,
    column_type: &ColumnType,
    settings: &ColumnSettings,
) -> Result<Whole, String> {
    let read = |value: &Option<Value>| {
        let read = value.as_ref().map(|value| whole(name, column_type, value));
        read.transpose()
    };
    let largest = largest(column_type);
    let max = match read(&settings.max)? {
        Some(max) => max,
        None if is_sequence(settings) => largest,
        None if matches!(column_type, ColumnType::Date | ColumnType::Timestamp(_)) => {
            return Err("`min` without `max`: give both, or a `sequence`".to_owned());
        }
        None => whole(name, column_type, &Value::from(100)).unwrap_or(largest),
    };
    let min = read(&settings.min)?.unwrap_or(0);
    if min > max {
        return Err(crossed(settings));
    }
    Ok(Whole::new(min, max, steps(column_type, name, settings)?))
}

/// The step of a sequence of whole numbers, if there is one.
pub(crate) fn steps(
    column_type: &ColumnType,
    name: &str,
    settings: &ColumnSettings,
) -> Result<Option<u64>, String> {
    let Some(step) = settings.sequence.as_ref().filter(|step| step.is_on()) else {
        return Ok(None);
    };
    let of_time = matches!(column_type, ColumnType::Date | ColumnType::Timestamp(_));
    let step = match (step, column_type) {
        (Step::Flag(_), ColumnType::Timestamp(_)) => Some(1_000_000),
        (Step::Flag(_), ColumnType::Decimal(_, _)) => {
            u64::try_from(whole(name, column_type, &Value::from(1))?).ok()
        }
        (Step::Flag(_), _) => Some(1),
        (Step::Time(text), _) if of_time => {
            let step = Duration::from_str(text)
                .map_err(|error| format!("`sequence` {text}: {error}"))?
                .as_millis();
            match column_type {
                ColumnType::Date if step % DAY_MS != 0 => None,
                ColumnType::Date => Some(step / DAY_MS),
                _ => step.checked_mul(1000),
            }
        }
        (Step::Number(number), _) if !of_time => {
            u64::try_from(whole(name, column_type, &Value::Number(number.clone()))?).ok()
        }
        _ => None,
    };
    match step {
        Some(step) if step > 0 => Ok(Some(step)),
        _ => Err(format!("`sequence` must be {}", expected(column_type))),
    }
}

/// Floats and doubles.
pub(crate) fn doubles(
    name: &str,
    column_type: &ColumnType,
    settings: &ColumnSettings,
) -> Result<Maker, String> {
    let read = |value: &Option<Value>| {
        let read = value.as_ref().map(|value| double(name, value));
        read.transpose()
    };
    let min = read(&settings.min)?.unwrap_or(0.0);
    let given = read(&settings.max)?;
    let max = given.unwrap_or(if is_sequence(settings) { f64::MAX } else { 1.0 });
    if min > max {
        return Err(crossed(settings));
    }
    let step = match settings.sequence.as_ref().filter(|step| step.is_on()) {
        None if (max - min).is_finite() => return Ok(Maker::Chance { min, max }),
        None => return Err("`min` and `max` are too far apart".to_owned()),
        Some(Step::Flag(_)) => 1.0,
        Some(Step::Number(step)) => double(name, &Value::Number(step.clone()))?,
        Some(Step::Time(_)) => 0.0,
    };
    if step <= 0.0 {
        return Err(format!("`sequence` must be {}", expected(column_type)));
    }
    // A cast to an integer stops at its limits; 0.3 / 0.1 is a little less than 3.
    let values = given.map_or(u64::MAX, |max| {
        (((max - min) / step + 1e-9) as u64).saturating_add(1)
    });
    Ok(Maker::Steps { min, step, values })
}

fn largest(column_type: &ColumnType) -> i64 {
    match column_type {
        ColumnType::TinyInt => i64::from(i8::MAX),
        ColumnType::SmallInt => i64::from(i16::MAX),
        ColumnType::Int => i64::from(i32::MAX),
        ColumnType::Date => LAST_DAY,
        ColumnType::Timestamp(_) => LAST_MICROS,
        ColumnType::Decimal(precision, _) => {
            let units = 10_i64.checked_pow(u32::from(*precision));
            units.map_or(i64::MAX, |units| units - 1)
        }
        _ => i64::MAX,
    }
}

fn expected(column_type: &ColumnType) -> &'static str {
    match column_type {
        ColumnType::Date => "`true` or whole days above 0, such as 1d",
        ColumnType::Timestamp(_) => "`true` or a duration above 0, such as 1s",
        _ => "`true` or a number above 0",
    }
}

fn crossed(settings: &ColumnSettings) -> String {
    match (&settings.min, &settings.max) {
        (Some(min), Some(max)) => format!("`min` {min} is greater than `max` {max}"),
        (Some(min), None) => {
            format!("`min` {min} is greater than the default `max`: give a `max`")
        }
        (_, Some(max)) => format!("the default `min` is greater than `max` {max}: give a `min`"),
        (None, None) => "the default `min` is greater than the default `max`".to_owned(),
    }
}
