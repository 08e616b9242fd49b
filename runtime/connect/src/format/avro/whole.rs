//! Whole numbers and ends of lists, appended to the columns that they are for.

use azud_model::TimestampUnit;

use crate::format::column::{Builder, Values, micros_from_whole};

/// Appends a whole number to a column of numbers, dates or timestamps; false if it has no room.
#[inline]
pub(super) fn append(into: &mut Builder, value: i64, unit: TimestampUnit) -> bool {
    let fits = match &mut into.values {
        Values::Int(values) | Values::Date(values) => {
            let value = i32::try_from(value);
            values.extend(value);
            value.is_ok()
        }
        Values::BigInt(values) => {
            values.push(value);
            true
        }
        Values::Float(values) => {
            values.push(value as f32);
            true
        }
        Values::Double(values) => {
            values.push(value as f64);
            true
        }
        Values::Timestamp(values, _) => {
            let micros = micros_from_whole(value, unit);
            values.extend(micros);
            micros.is_some()
        }
        _ => false,
    };
    into.mark(fits)
}

/// A list or map ends after so many elements; false if that is more than a column can tell.
pub(super) fn end(offsets: &mut Vec<i32>, elements: usize) -> bool {
    let end = i32::try_from(elements);
    offsets.extend(end);
    end.is_ok()
}
