//! One value as Spark's `show` writes it.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use azud_connect::{DateTime, ShortestFloat};

/// Appends a value; the texts within nested values have no quotes.
pub(crate) fn cell(array: &ArrayRef, row: usize, out: &mut String) {
    if array.is_null(row) {
        return out.push_str("NULL");
    }
    match array.data_type() {
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(row)),
        DataType::Float32 => array
            .as_primitive::<Float32Type>()
            .value(row)
            .write_java(out),
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .value(row)
            .write_java(out),
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(row);
            out.push('[');
            joined(bytes.iter(), " ", out, |byte, out| {
                {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "{byte:02X}");
                }
            });
            out.push(']');
        }
        DataType::Date32 | DataType::Date64 => {
            if let Some(time) = DateTime::of(array, row) {
                out.push_str(&time.date());
            }
        }
        DataType::Timestamp(..) => {
            if let Some(time) = DateTime::of(array, row) {
                timestamp(time, out);
            }
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            out.push('[');
            joined(0..elements.len(), ", ", out, |index, out| {
                cell(&elements, index, out)
            });
            out.push(']');
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            out.push('{');
            joined(0..entries.len(), ", ", out, |index, out| {
                let columns = entries.columns().iter();
                joined(columns, " -> ", out, |column, out| cell(column, index, out));
            });
            out.push('}');
        }
        DataType::Struct(_) => {
            out.push('{');
            let columns = array.as_struct().columns().iter();
            joined(columns, ", ", out, |column, out| cell(column, row, out));
            out.push('}');
        }
        _ => match plain(array) {
            Some(plain) => cell(&plain, row, out),
            None => displayed(array, row, out),
        },
    }
}

/// The column in the one form that is handled here, if it has another.
fn plain(array: &ArrayRef) -> Option<ArrayRef> {
    let data_type = match array.data_type() {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::FixedSizeList(field, _) => DataType::List(field.clone()),
        _ => return None,
    };
    cast(array, &data_type).ok()
}

/// Whole numbers, decimals and booleans print as Arrow prints them.
fn displayed(array: &ArrayRef, row: usize, out: &mut String) {
    if let Ok(formatter) = ArrayFormatter::try_new(array, &FormatOptions::default()) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{}", formatter.value(row));
    }
}

/// UTC, without a zone; zeros at the end of a fraction are cut off.
fn timestamp(time: DateTime, out: &mut String) {
    let text = time.time();
    let text = match time.micros {
        0 => text.as_str(),
        _ => text.trim_end_matches('0'),
    };
    let _ = write!(out, "{} {text}", time.date());
}

fn joined<T>(
    items: impl Iterator<Item = T>,
    separator: &str,
    out: &mut String,
    mut each: impl FnMut(T, &mut String),
) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        each(item, out);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float32Array, Float64Array, TimestampMicrosecondArray};

    use super::*;

    fn cells(array: impl Array + 'static) -> Vec<String> {
        let array: ArrayRef = Arc::new(array);
        let write = |row| {
            let mut out = String::new();
            cell(&array, row, &mut out);
            out
        };
        (0..array.len()).map(write).collect()
    }

    #[test]
    fn floats_are_java_s() {
        let values = [
            1.5,
            100.0,
            1e7,
            1e10,
            1e-5,
            0.001,
            9_999_999.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
        ];
        assert_eq!(
            cells(Float64Array::from_iter_values(values)),
            [
                "1.5",
                "100.0",
                "1.0E7",
                "1.0E10",
                "1.0E-5",
                "0.001",
                "9999999.0",
                "-0.0",
                "NaN",
                "Infinity"
            ]
        );
        assert_eq!(
            cells(Float32Array::from(vec![0.1, 1.5e-9])),
            ["0.1", "1.5E-9"]
        );
    }

    #[test]
    fn fractions_of_seconds_lose_their_zeros() {
        let second = 1_767_225_601_000_000;
        assert_eq!(
            cells(TimestampMicrosecondArray::from(vec![
                second,
                second + 500_000,
                second + 5
            ])),
            [
                "2026-01-01 00:00:01",
                "2026-01-01 00:00:01.5",
                "2026-01-01 00:00:01.000005"
            ]
        );
    }
}
