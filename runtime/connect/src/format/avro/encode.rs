//! Values of columns to bytes.

use arrow::array::{Array, AsArray, StructArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use azud_model::TimestampUnit;

use super::decimal;
use super::fit::{Put, PutField};

/// A column is of another type than it was planned for: a mistake of ours.
const OTHER: &str = "its column is of another type than it was";

/// Writes the fields of a row; or says which column cannot be written, and why.
pub(super) fn row(
    fields: &[PutField],
    columns: &StructArray,
    row: usize,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    for field in fields {
        match field {
            PutField::Null(branch) => long(*branch, out),
            PutField::Column(at, name, put) => {
                let column = columns.columns().get(*at).ok_or(OTHER)?;
                value(put, column.as_ref(), row, out).map_err(|reason| within(name, &reason))?;
            }
        }
    }
    Ok(())
}

fn value(put: &Put, column: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), String> {
    if let Put::Branch {
        null,
        value: branch,
        put,
    } = put
    {
        if !column.is_null(row) {
            long(*branch, out);
            return value(put, column, row, out);
        }
        if let Some(null) = null {
            long(*null, out);
            return Ok(());
        }
    }
    if column.is_null(row) {
        return Err("it is null, which the schema does not have there".to_owned());
    }
    match put {
        Put::Branch { .. } => return Err(OTHER.to_owned()),
        Put::Boolean => {
            let values = column.as_boolean_opt().ok_or(OTHER)?;
            out.push(u8::from(values.value(row)));
        }
        Put::Whole => long(whole(column, row)?, out),
        Put::Timestamp(unit) => {
            let micros = number::<TimestampMicrosecondType>(column, row)?;
            let value = match unit {
                TimestampUnit::Second => Some(micros.div_euclid(1_000_000)),
                TimestampUnit::Millisecond => Some(micros.div_euclid(1_000)),
                TimestampUnit::Microsecond => Some(micros),
                TimestampUnit::Nanosecond => micros.checked_mul(1_000),
            };
            let value = value.ok_or("the time is too far away for nanoseconds")?;
            long(value, out);
        }
        Put::Float => out.extend(number::<Float32Type>(column, row)?.to_le_bytes()),
        Put::Double => {
            let value = match column.data_type() {
                DataType::Float32 => f64::from(number::<Float32Type>(column, row)?),
                _ => number::<Float64Type>(column, row)?,
            };
            out.extend(value.to_le_bytes());
        }
        Put::Text => text(column, row, |text| bytes(text.as_bytes(), out))?,
        Put::Bytes => bytes(binary(column, row)?, out),
        Put::Enum(symbols) => {
            let mut found = None;
            text(column, row, |text| {
                found = symbols.iter().position(|symbol| symbol == text);
            })?;
            let found = found.and_then(|number| i64::try_from(number).ok());
            let Some(found) = found else {
                let known = symbols.join(", ");
                return Err(format!("it is none of the symbols of its enum: {known}"));
            };
            long(found, out);
        }
        Put::Fixed(size) => {
            let value = binary(column, row)?;
            if value.len() != *size {
                let length = value.len();
                return Err(format!(
                    "it has {length} bytes, and the schema a fixed of {size}"
                ));
            }
            out.extend_from_slice(value);
        }
        Put::Decimal(size) => {
            let wide = number::<Decimal128Type>(column, row)?.to_be_bytes();
            let short = decimal::shortest(&wide);
            match size {
                None => bytes(short, out),
                Some(size) => {
                    let sign = wide.first().map_or(0, |first| match first & 0x80 {
                        0 => 0x00,
                        _ => 0xff,
                    });
                    let more = size.checked_sub(short.len());
                    let more = more.ok_or("it has more digits than the schema's fixed holds")?;
                    out.extend(std::iter::repeat_n(sign, more));
                    out.extend_from_slice(short);
                }
            }
        }
        Put::Array(item) => {
            let lists = column.as_list_opt::<i32>().ok_or(OTHER)?;
            let items = range(lists.value_offsets(), row)?;
            let values = lists.values().as_ref();
            block(items, out, |at, out| value(item, values, at, out))?;
        }
        Put::Map(item) => {
            let maps = column.as_map_opt().ok_or(OTHER)?;
            let entries = range(maps.value_offsets(), row)?;
            let (keys, values) = (maps.keys().as_ref(), maps.values().as_ref());
            block(entries, out, |at, out| {
                text(keys, at, |key| bytes(key.as_bytes(), out))?;
                value(item, values, at, out)
            })?;
        }
        Put::Record(fields) => {
            let structs = column.as_struct_opt().ok_or(OTHER)?;
            self::row(fields, structs, row, out)?;
        }
    }
    Ok(())
}

fn number<T: ArrowPrimitiveType>(
    column: &dyn Array,
    row: usize,
) -> Result<T::Native, &'static str> {
    let values = column.as_primitive_opt::<T>().ok_or(OTHER)?;
    values.values().get(row).copied().ok_or(OTHER)
}

fn whole(column: &dyn Array, row: usize) -> Result<i64, &'static str> {
    Ok(match column.data_type() {
        DataType::Int8 => number::<Int8Type>(column, row)?.into(),
        DataType::Int16 => number::<Int16Type>(column, row)?.into(),
        DataType::Int32 => number::<Int32Type>(column, row)?.into(),
        DataType::Date32 => number::<Date32Type>(column, row)?.into(),
        _ => number::<Int64Type>(column, row)?,
    })
}

fn text(column: &dyn Array, row: usize, put: impl FnOnce(&str)) -> Result<(), String> {
    let values = column.as_string_opt::<i32>().ok_or(OTHER)?;
    put(values.value(row));
    Ok(())
}

fn binary(column: &dyn Array, row: usize) -> Result<&[u8], &'static str> {
    let values = column.as_binary_opt::<i32>().ok_or(OTHER)?;
    Ok(values.value(row))
}

fn range(offsets: &[i32], row: usize) -> Result<std::ops::Range<usize>, &'static str> {
    let at = |row: usize| offsets.get(row).and_then(|end| usize::try_from(*end).ok());
    Ok(at(row).ok_or(OTHER)?..at(row + 1).ok_or(OTHER)?)
}

/// All items in one block, and the empty one that is the end.
fn block(
    items: std::ops::Range<usize>,
    out: &mut Vec<u8>,
    mut put: impl FnMut(usize, &mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    if !items.is_empty() {
        long(items.len() as i64, out);
        for at in items {
            put(at, out)?;
        }
    }
    out.push(0);
    Ok(())
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    long(value.len() as i64, out);
    out.extend_from_slice(value);
}

/// A zigzag number.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// Puts a column's name before a reason, or before the names in it.
fn within(name: &str, reason: &str) -> String {
    match reason.strip_prefix("column `") {
        Some(inner) => format!("column `{name}.{inner}"),
        None => format!("column `{name}`: {reason}"),
    }
}
