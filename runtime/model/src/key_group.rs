//! Key groups: how rows with the same key find the same lane, at any parallelism.
//!
//! Version 1. The key's columns are written one after the other as canonical
//! bytes; their XXH3 hash (64 bits, seed 0) modulo [`KEY_GROUPS`] is the group.
//! A column is one byte, 0 for null and 1 otherwise, then the value: integers,
//! dates, timestamps and decimals little-endian in 16 bytes (so that widening a
//! column moves no key), floats as the bits of a double with -0.0 as 0.0 and
//! every NaN as one, booleans as a byte, text and binary as a length in 8 bytes
//! and the bytes; any other type as its display text.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use xxhash_rust::xxh3::xxh3_64;

use crate::Result;

/// How many groups there are. Fixed: state is filed by group.
pub const KEY_GROUPS: u64 = 256;

/// The first column of a row of state: its key's group.
pub const KEY_GROUP: &str = "_key_group";

/// The second column of a row of state: when its key was first seen, so that a result comes
/// out in the same order after a restart.
pub const ORDER: &str = "_order";

/// The column after the key of a row of state, where rows can be removed: whether this one says
/// that what was put under its key is there no more.
pub const REMOVED: &str = "_removed";

/// The group of every row.
///
/// # Errors
/// [`crate::ErrorKind::Internal`] if a column cannot be read as its own type.
pub fn key_groups(keys: &[ArrayRef], rows: usize) -> Result<Vec<u8>> {
    let mut groups = Vec::with_capacity(rows);
    each_key(keys, rows, |bytes| {
        // The remainder of a division by 256 is one byte.
        groups.push((xxh3_64(bytes) % KEY_GROUPS) as u8);
    })?;
    Ok(groups)
}

/// The canonical bytes of every row: a name for a key that lasts.
///
/// # Errors
/// As [`key_groups`].
pub fn key_bytes(keys: &[ArrayRef], rows: usize) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::with_capacity(rows);
    each_key(keys, rows, |bytes| all.push(bytes.to_vec()))?;
    Ok(all)
}

fn each_key(keys: &[ArrayRef], rows: usize, mut each: impl FnMut(&[u8])) -> Result<()> {
    let writers = keys.iter().map(Writer::new).collect::<Result<Vec<_>>>()?;
    let mut bytes = Vec::new();
    for row in 0..rows {
        bytes.clear();
        for writer in &writers {
            writer.write(row, &mut bytes)?;
        }
        each(&bytes);
    }
    Ok(())
}

enum Writer {
    Whole(ArrayRef),
    Decimal(ArrayRef),
    Float(ArrayRef),
    Boolean(ArrayRef),
    Bytes(ArrayRef),
    Text(ArrayRef),
}

// === impl Writer ===

impl Writer {
    fn new(column: &ArrayRef) -> Result<Self> {
        Ok(match column.data_type() {
            DataType::Boolean => Self::Boolean(column.clone()),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Self::Float(cast(column, &DataType::Float64)?)
            }
            DataType::UInt64 => Self::Decimal(cast(column, &DataType::Decimal128(20, 0))?),
            DataType::Decimal128(_, _) => Self::Decimal(column.clone()),
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytes(cast(column, &DataType::Binary)?),
            other if other.is_integer() || other.is_temporal() => {
                let widened = match other {
                    DataType::Date32 => cast(column, &DataType::Int32)?,
                    _ => column.clone(),
                };
                Self::Whole(cast(&widened, &DataType::Int64)?)
            }
            _ => Self::Text(column.clone()),
        })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let (Self::Whole(column)
        | Self::Decimal(column)
        | Self::Float(column)
        | Self::Boolean(column)
        | Self::Bytes(column)
        | Self::Text(column)) = self;
        if column.is_null(row) {
            out.push(0);
            return Ok(());
        }
        out.push(1);
        match self {
            Self::Whole(column) => {
                let value = i128::from(column.as_primitive::<Int64Type>().value(row));
                out.extend(value.to_le_bytes());
            }
            Self::Decimal(column) => {
                out.extend(
                    column
                        .as_primitive::<Decimal128Type>()
                        .value(row)
                        .to_le_bytes(),
                );
            }
            Self::Float(column) => {
                let value = column.as_primitive::<Float64Type>().value(row);
                // -0.0 + 0.0 is 0.0.
                let canonical = if value.is_nan() {
                    f64::NAN
                } else {
                    value + 0.0
                };
                out.extend(canonical.to_bits().to_le_bytes());
            }
            Self::Boolean(column) => out.push(u8::from(column.as_boolean().value(row))),
            Self::Bytes(column) => sized(column.as_binary::<i32>().value(row), out),
            Self::Text(column) => {
                let text = ArrayFormatter::try_new(column, &FormatOptions::default())?
                    .value(row)
                    .to_string();
                sized(text.as_bytes(), out);
            }
        }
        Ok(())
    }
}

fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float32Array, Float64Array, Int32Array, Int64Array, StringArray};

    use super::*;

    fn groups(keys: Vec<ArrayRef>) -> Vec<u8> {
        let rows = keys[0].len();
        key_groups(&keys, rows).unwrap()
    }

    /// Computed with the reference implementation, from bytes written by hand.
    /// State on disk is filed by these numbers: they may never change within version 1.
    #[test]
    fn golden_vectors() {
        let text = StringArray::from(vec![Some(""), Some("to"), Some("be"), Some("日本"), None]);
        assert_eq!(groups(vec![Arc::new(text)]), GOLDEN_TEXT);
        let whole = Int64Array::from(vec![Some(0), Some(1), Some(-1), Some(i64::MAX), None]);
        assert_eq!(groups(vec![Arc::new(whole)]), GOLDEN_WHOLE);
    }

    const GOLDEN_TEXT: [u8; 5] = [128, 143, 200, 172, 219];
    const GOLDEN_WHOLE: [u8; 5] = [136, 190, 48, 151, 219];

    #[test]
    fn equal_values_of_other_widths_share_a_group() {
        let narrow = groups(vec![Arc::new(Int32Array::from(vec![7, -7]))]);
        let wide = groups(vec![Arc::new(Int64Array::from(vec![7, -7]))]);
        assert_eq!(narrow, wide);
        let single = groups(vec![Arc::new(Float32Array::from(vec![0.5]))]);
        let double = groups(vec![Arc::new(Float64Array::from(vec![0.5]))]);
        assert_eq!(single, double);
    }

    #[test]
    fn zeros_and_nans_have_one_form() {
        let odd_nan = f64::from_bits(0xfff8_0000_0000_0001);
        let found = groups(vec![Arc::new(Float64Array::from(vec![
            0.0,
            -0.0,
            f64::NAN,
            odd_nan,
        ]))]);
        assert_eq!(found[0], found[1]);
        assert_eq!(found[2], found[3]);
    }

    #[test]
    fn the_border_between_columns_counts() {
        let column = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
        assert_ne!(
            groups(vec![column("ab"), column("c")]),
            groups(vec![column("a"), column("bc")])
        );
    }
}
