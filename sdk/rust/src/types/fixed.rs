//! Types whose values all have the same width: numbers, dates, times.

use super::{Inside, Type};
use crate::testing::Value;

macro_rules! fixed {
    ($(#[$doc:meta])* $name:ident: $native:ty, $word:literal, $format:expr, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        fixed!(@impl $name: $native, $word, $format, $accepts);
    };
    (@impl $name:ident: $native:ty, $word:literal, $format:expr, $accepts:expr) => {
        impl Type for $name {
            const NAME: &'static str = $word;
            type Value<'a> = $native;
            type View<'a> = &'a [[u8; size_of::<$native>()]];
            type Values = Vec<u8>;

            fn format(&self) -> String {
                let format: fn(&Self) -> String = $format;
                format(self)
            }

            fn accepts(format: &str) -> bool {
                let accepts: fn(&str) -> bool = $accepts;
                accepts(format)
            }

            fn view(buffers: &[Vec<u8>], rows: usize, _: Inside) -> Option<Self::View<'_>> {
                buffers.first()?.as_chunks().0.get(..rows)
            }

            #[inline(always)]
            fn get<'a>(view: Self::View<'a>, row: usize, _: Inside) -> Option<Self::Value<'a>> {
                view.get(row).map(|bytes| <$native>::from_le_bytes(*bytes))
            }

            fn reserved(rows: usize, _: usize) -> Vec<u8> {
                Vec::with_capacity(rows * size_of::<$native>())
            }

            #[inline(always)]
            fn push(values: &mut Vec<u8>, _: usize, value: $native) {
                values.extend_from_slice(&value.to_le_bytes());
            }

            fn push_null(values: &mut Vec<u8>, _: usize) {
                values.extend_from_slice(&[0; size_of::<$native>()]);
            }

            fn truncate(values: &mut Vec<u8>, rows: usize) {
                values.truncate(rows * size_of::<$native>());
            }

            fn finish(values: Vec<u8>, buffers: &mut Vec<Vec<u8>>) {
                buffers.push(values);
            }

            fn to_value(value: $native) -> Value {
                Value::from(value)
            }

            fn of_value(value: &Value) -> Option<$native> {
                <$native>::try_from(value).ok()
            }
        }
    };
}

fixed!(/// 8 bits, signed.
    Int8: i8, "int8", |_| "c".into(), |f| f == "c");
fixed!(/// 16 bits, signed.
    Int16: i16, "int16", |_| "s".into(), |f| f == "s");
fixed!(/// SQL's `int`.
    Int32: i32, "int", |_| "i".into(), |f| f == "i");
fixed!(/// SQL's `bigint`.
    Int64: i64, "bigint", |_| "l".into(), |f| f == "l");
fixed!(/// 8 bits, unsigned.
    UInt8: u8, "uint8", |_| "C".into(), |f| f == "C");
fixed!(/// 16 bits, unsigned.
    UInt16: u16, "uint16", |_| "S".into(), |f| f == "S");
fixed!(/// 32 bits, unsigned.
    UInt32: u32, "uint32", |_| "I".into(), |f| f == "I");
fixed!(/// 64 bits, unsigned.
    UInt64: u64, "uint64", |_| "L".into(), |f| f == "L");
fixed!(/// SQL's `float`.
    Float32: f32, "float", |_| "f".into(), |f| f == "f");
fixed!(/// SQL's `double`.
    Float64: f64, "double", |_| "g".into(), |f| f == "g");
fixed!(/// Days since 1970-01-01.
    Date: i32, "date", |_| "tdD".into(), |f| f == "tdD");
fixed!(/// Microseconds since midnight.
    Time: i64, "time", |_| "ttu".into(), |f| f == "ttu");
fixed!(/// Milliseconds.
    Duration: i64, "duration", |_| "tDm".into(), |f| f == "tDm");
fixed!(/// SQL's `timestamp`: microseconds since 1970-01-01T00:00:00Z.
    Timestamp: i64, "timestamp", |_| "tsu:UTC".into(), |f| f.starts_with("tsu:"));

/// SQL's `decimal(precision, scale)`: the value times ten to the scale.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    /// Digits in all, 1 to 38.
    pub precision: u8,
    /// Digits after the point.
    pub scale: i8,
}

fixed!(@impl Decimal: i128, "decimal",
    |decimal| format!("d:{},{}", decimal.precision, decimal.scale),
    |f| f.starts_with("d:") && f.bytes().filter(|byte| *byte == b',').count() == 1);
