//! Division of numbers that are no decimals.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Datum, Float64Array};
use arrow::compute::kernels::numeric::div;
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;

/// `left / right`; by zero is an error, for doubles too.
pub(super) fn divide(left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
    let (left_values, left_one) = left.get();
    let (right_values, right_one) = right.get();
    if *left_values.data_type() != DataType::Float64 {
        return div(left, right);
    }
    let left = left_values.as_primitive::<Float64Type>();
    let right = right_values.as_primitive::<Float64Type>();
    let quotient = |left: f64, right: f64| match right == 0.0 {
        true => Err(ArrowError::DivideByZero),
        false => Ok(left / right),
    };
    let result: Float64Array = match (left_one, right_one) {
        (false, true) if right.is_null(0) => Float64Array::new_null(left.len()),
        (false, true) => {
            let right = right.value(0);
            left.try_unary(|left| quotient(left, right))?
        }
        (true, false) if left.is_null(0) => Float64Array::new_null(right.len()),
        (true, false) => {
            let left = left.value(0);
            right.try_unary(|right| quotient(left, right))?
        }
        _ => arrow::compute::try_binary(left, right, quotient)?,
    };
    Ok(Arc::new(result))
}
