//! One value: Python's `repr`, and `str` where that differs.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::bytes::bytes;
use super::number::{decimal, float};
use super::quote::quote;
use crate::format::civil::DateTime;

/// Appends `str(value)`: as `repr`, but for text, decimals and times.
pub(super) fn text(array: &ArrayRef, row: usize, out: &mut String) {
    if array.is_null(row) {
        return out.push_str("None");
    }
    match array.data_type() {
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(row)),
        DataType::Decimal128(_, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            out.push_str(&decimal(value, *scale));
        }
        DataType::Date32 | DataType::Date64 => {
            if let Some(time) = DateTime::of(array, row) {
                out.push_str(&time.date());
            }
        }
        DataType::Timestamp(..) => {
            if let Some(time) = DateTime::of(array, row) {
                // Writing to a string cannot fail.
                let _ = write!(out, "{} {}", time.date(), time.time());
            }
        }
        _ => match plain(array) {
            Some(plain) => text(&plain, row, out),
            None => repr(array, row, out),
        },
    }
}

/// Appends `repr(value)`.
pub(super) fn repr(array: &ArrayRef, row: usize, out: &mut String) {
    if array.is_null(row) {
        return out.push_str("None");
    }
    match array.data_type() {
        DataType::Utf8 => quote(array.as_string::<i32>().value(row), out),
        DataType::Boolean => out.push_str(match array.as_boolean().value(row) {
            true => "True",
            false => "False",
        }),
        // Python has one kind of float: what Spark's FloatType holds is widened.
        DataType::Float32 => float(
            f64::from(array.as_primitive::<Float32Type>().value(row)),
            out,
        ),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row), out),
        DataType::Decimal128(_, _) => call("Decimal('", array, row, "')", out),
        DataType::Binary => bytes(array.as_binary::<i32>().value(row), out),
        DataType::Date32 | DataType::Date64 => {
            if let Some(DateTime {
                year, month, day, ..
            }) = DateTime::of(array, row)
            {
                let _ = write!(out, "datetime.date({year}, {month}, {day})");
            }
        }
        DataType::Timestamp(..) => {
            if let Some(time) = DateTime::of(array, row) {
                datetime(time, out);
            }
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            out.push('[');
            joined(elements.len(), out, |index, out| {
                repr(&elements, index, out)
            });
            out.push(']');
        }
        DataType::Map(_, _) => dict(array.as_map(), row, out),
        DataType::Struct(_) => named(array.as_struct(), row, out),
        _ => match plain(array) {
            Some(plain) => repr(&plain, row, out),
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

fn call(open: &str, array: &ArrayRef, row: usize, close: &str, out: &mut String) {
    out.push_str(open);
    text(array, row, out);
    out.push_str(close);
}

/// Whole numbers print everywhere the same.
fn displayed(array: &ArrayRef, row: usize, out: &mut String) {
    if let Ok(formatter) = ArrayFormatter::try_new(array, &FormatOptions::default()) {
        let _ = write!(out, "{}", formatter.value(row));
    }
}

fn datetime(time: DateTime, out: &mut String) {
    let DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        micros,
    } = time;
    let _ = write!(
        out,
        "datetime.datetime({year}, {month}, {day}, {hour}, {minute}"
    );
    if second != 0 || micros != 0 {
        let _ = write!(out, ", {second}");
    }
    if micros != 0 {
        let _ = write!(out, ", {micros}");
    }
    out.push(')');
}

fn dict(map: &MapArray, row: usize, out: &mut String) {
    let entries = map.value(row);
    let (Some(keys), Some(values)) = (entries.columns().first(), entries.columns().get(1)) else {
        return;
    };
    out.push('{');
    joined(entries.len(), out, |index, out| {
        repr(keys, index, out);
        out.push_str(": ");
        repr(values, index, out);
    });
    out.push('}');
}

fn named(row_struct: &StructArray, row: usize, out: &mut String) {
    out.push_str("Row(");
    joined(row_struct.num_columns(), out, |index, out| {
        let name = row_struct.fields().get(index).map(|field| field.name());
        let _ = write!(out, "{}=", name.map_or("", String::as_str));
        if let Some(column) = row_struct.columns().get(index) {
            repr(column, row, out);
        }
    });
    out.push(')');
}

fn joined(count: usize, out: &mut String, mut each: impl FnMut(usize, &mut String)) {
    for index in 0..count {
        if index > 0 {
            out.push_str(", ");
        }
        each(index, out);
    }
}
