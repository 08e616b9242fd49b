//! From row numbers to the values of a column.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, StringBuilder,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::take;
use azud_model::{ColumnType, Error, Result};

use crate::draw::Draw;
use crate::whole::Whole;

const DAY_MS: i64 = 86_400_000;

/// What the values of a column are made of.
#[derive(Clone, Debug)]
pub(crate) enum Maker {
    /// True or false.
    Coin,
    /// Integers, decimals, dates and timestamps.
    Whole(Whole),
    /// Floats and doubles, at least `min` and below `max`.
    Chance { min: f64, max: f64 },
    /// Floats and doubles, so many, then from `min` again.
    Steps { min: f64, step: f64, values: u64 },
    /// Lower-case letters, or bytes.
    Text { length: usize },
    /// One of some values.
    Choice { values: ArrayRef, index: Whole },
    /// The moment at which the row is made.
    Now,
}

// === impl Maker ===

impl Maker {
    /// About how many bytes a value has.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Text { length } => *length,
            Self::Choice { values, .. } => values.get_array_memory_size() / values.len().max(1),
            _ => 8,
        }
    }

    /// The values of some rows, made at `now_ms`; those that are null are made in vain.
    pub(crate) fn make(
        &self,
        column_type: &ColumnType,
        draw: Draw,
        rows: Range<u64>,
        now_ms: i64,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let count = rows.clone().count();
        match self {
            Self::Coin => {
                let values: BooleanBuffer = rows.map(|row| draw.row(row).bool()).collect();
                Ok(Arc::new(BooleanArray::new(values, nulls)))
            }
            Self::Whole(whole) => {
                let values = rows.map(|row| whole.at(draw, row)).collect();
                wholes(column_type, values, nulls)
            }
            Self::Now => {
                let value = match column_type {
                    ColumnType::Date => now_ms.div_euclid(DAY_MS),
                    _ => now_ms.saturating_mul(1000),
                };
                wholes(column_type, vec![value; count], nulls)
            }
            Self::Chance { min, max } => {
                let value = |row| min + draw.row(row).f64() * (max - min);
                doubles(column_type, rows.map(value).collect(), nulls)
            }
            Self::Steps { min, step, values } => {
                // Not by adding up, which would add up errors.
                let value = |row: u64| min + (row % values) as f64 * step;
                doubles(column_type, rows.map(value).collect(), nulls)
            }
            Self::Text { length } => texts(column_type, *length, draw, rows, nulls.as_ref()),
            Self::Choice { values, index } => {
                // Places are not negative.
                let places = rows.map(|row| index.at(draw, row).unsigned_abs());
                let places = UInt64Array::new(places.collect(), nulls);
                Ok(take(values, &places, None)?)
            }
        }
    }
}

fn wholes(
    column_type: &ColumnType,
    values: Vec<i64>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    // No value is cut: minimum and maximum were read as this type.
    Ok(match column_type {
        ColumnType::TinyInt => Arc::new(Int8Array::new(narrow(values, |v| v as i8), nulls)),
        ColumnType::SmallInt => Arc::new(Int16Array::new(narrow(values, |v| v as i16), nulls)),
        ColumnType::Int => Arc::new(Int32Array::new(narrow(values, |v| v as i32), nulls)),
        ColumnType::BigInt => Arc::new(Int64Array::new(values.into(), nulls)),
        ColumnType::Date => Arc::new(Date32Array::new(narrow(values, |v| v as i32), nulls)),
        ColumnType::Timestamp(_) => {
            let values = TimestampMicrosecondArray::new(values.into(), nulls);
            Arc::new(values.with_timezone("UTC"))
        }
        ColumnType::Decimal(precision, scale) => {
            let values = Decimal128Array::new(narrow(values, i128::from), nulls);
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        other => return Err(Error::internal(format!("whole numbers are no {other}"))),
    })
}

fn narrow<T>(values: Vec<i64>, to: impl Fn(i64) -> T) -> ScalarBuffer<T>
where
    T: arrow::datatypes::ArrowNativeType,
{
    values.into_iter().map(to).collect()
}

fn doubles(
    column_type: &ColumnType,
    values: Vec<f64>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    match column_type {
        ColumnType::Float => {
            let values = values.into_iter().map(|value| value as f32).collect();
            Ok(Arc::new(Float32Array::new(values, nulls)))
        }
        _ => Ok(Arc::new(Float64Array::new(values.into(), nulls))),
    }
}

fn texts(
    column_type: &ColumnType,
    length: usize,
    draw: Draw,
    rows: Range<u64>,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef> {
    let count = rows.clone().count();
    let is_null = |index| nulls.is_some_and(|nulls| nulls.is_null(index));
    if *column_type == ColumnType::Binary {
        let mut builder = BinaryBuilder::with_capacity(count, count * length);
        let mut bytes = vec![0; length];
        for (index, row) in rows.enumerate() {
            draw.row(row).fill(&mut bytes);
            builder.append_option((!is_null(index)).then_some(&bytes));
        }
        return Ok(Arc::new(builder.finish()));
    }
    let mut builder = StringBuilder::with_capacity(count, count * length);
    let mut text = String::with_capacity(length);
    for (index, row) in rows.enumerate() {
        let mut rng = draw.row(row);
        text.clear();
        text.extend((0..length).map(|_| rng.lowercase()));
        builder.append_option((!is_null(index)).then_some(&text));
    }
    Ok(Arc::new(builder.finish()))
}
