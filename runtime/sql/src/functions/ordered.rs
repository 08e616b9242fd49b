//! Floats as whole numbers that compare as Spark compares floats, and back:
//! for `min` and `max`, where DataFusion's answer depends on where a NaN stands.
//!
//! The numbers are those of IEEE 754's totalOrder, as in [`f64::total_cmp`],
//! with one NaN, above all else, and one zero.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type};
use datafusion_common::{Result, exec_err};
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// One of the two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Way {
    ToNumbers,
    ToFloats,
}

/// A float as a whole number of its width, or such a number as the float.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ordered {
    way: Way,
    signature: Signature,
}

// === impl Ordered ===

impl Ordered {
    /// Floats as numbers.
    pub(crate) fn numbers(floats: Expr) -> Expr {
        Self::call(Way::ToNumbers, floats)
    }

    /// The floats that such numbers stand for.
    pub(crate) fn floats(numbers: Expr) -> Expr {
        Self::call(Way::ToFloats, numbers)
    }

    fn call(way: Way, value: Expr) -> Expr {
        let signature = Signature::any(1, Volatility::Immutable);
        ScalarUDF::from(Self { way, signature }).call(vec![value])
    }
}

impl ScalarUDFImpl for Ordered {
    fn name(&self) -> &str {
        match self.way {
            Way::ToNumbers => "azud_ordered",
            Way::ToFloats => "azud_unordered",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match (self.way, types) {
            (Way::ToNumbers, [DataType::Float64]) => DataType::Int64,
            (Way::ToNumbers, [DataType::Float32]) => DataType::Int32,
            (Way::ToFloats, [DataType::Int64]) => DataType::Float64,
            (Way::ToFloats, [DataType::Int32]) => DataType::Float32,
            _ => return exec_err!("{} takes no {types:?}", self.name()),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return exec_err!("{} takes one value", self.name());
        };
        let value = value.to_array(args.number_rows)?;
        let changed: ArrayRef = match value.data_type() {
            DataType::Float64 => {
                let number = |float: f64| flip64(plain(float).to_bits().cast_signed());
                Arc::new(
                    value
                        .as_primitive::<Float64Type>()
                        .unary::<_, Int64Type>(number),
                )
            }
            DataType::Float32 => {
                let number = |float: f32| {
                    let float = if float.is_nan() {
                        f32::NAN
                    } else {
                        float + 0.0
                    };
                    flip32(float.to_bits().cast_signed())
                };
                Arc::new(
                    value
                        .as_primitive::<Float32Type>()
                        .unary::<_, Int32Type>(number),
                )
            }
            DataType::Int64 => {
                let float = |number: i64| f64::from_bits(flip64(number).cast_unsigned());
                Arc::new(
                    value
                        .as_primitive::<Int64Type>()
                        .unary::<_, Float64Type>(float),
                )
            }
            DataType::Int32 => {
                let float = |number: i32| f32::from_bits(flip32(number).cast_unsigned());
                Arc::new(
                    value
                        .as_primitive::<Int32Type>()
                        .unary::<_, Float32Type>(float),
                )
            }
            other => return exec_err!("{} takes no {other}", self.name()),
        };
        Ok(ColumnarValue::Array(changed))
    }
}

/// One NaN, which is positive, and one zero.
fn plain(float: f64) -> f64 {
    if float.is_nan() {
        f64::NAN
    } else {
        float + 0.0
    }
}

/// Negative floats descend with their bits: the other bits are turned over. Done
/// twice, it is undone.
fn flip64(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

fn flip32(bits: i32) -> i32 {
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_spark_compares_floats() {
        let ascending = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.5,
            -f64::MIN_POSITIVE,
            0.0,
            f64::MIN_POSITIVE,
            1.5,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ];
        let numbers = ascending.map(|float| flip64(plain(float).to_bits().cast_signed()));
        assert!(
            numbers.is_sorted_by(|left, right| left < right),
            "{numbers:?}"
        );
        let back = numbers.map(|number| f64::from_bits(flip64(number).cast_unsigned()));
        assert_eq!(back.map(f64::to_bits), ascending.map(f64::to_bits));
        assert_eq!(plain(-0.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(plain(-f64::NAN).to_bits(), f64::NAN.to_bits());
    }
}
