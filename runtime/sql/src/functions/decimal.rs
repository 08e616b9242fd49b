//! Decimals with Spark's precisions, and its rounding half up.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Builder};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, i256};
use datafusion_common::{Result, exec_datafusion_err, plan_err};

use super::Operation;

/// Digits after the point that Spark keeps when a result has too many.
const MIN_SCALE: i32 = 6;
const MAX: i32 = DECIMAL128_MAX_PRECISION as i32;

pub(super) fn is(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..))
}

/// The decimal that holds every value of a type.
pub(super) fn of(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Decimal128(..) => data_type.clone(),
        DataType::Int8 => DataType::Decimal128(3, 0),
        DataType::Int16 | DataType::UInt8 => DataType::Decimal128(5, 0),
        DataType::Int32 | DataType::UInt16 => DataType::Decimal128(10, 0),
        _ => DataType::Decimal128(20, 0),
    }
}

/// The type of the result, as Spark's `DecimalPrecision` has it.
pub(super) fn result(operation: Operation, left: &DataType, right: &DataType) -> Result<DataType> {
    let (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) = (left, right) else {
        return plan_err!("decimals meet decimals");
    };
    let (p1, s1, p2, s2) = (
        i32::from(*p1),
        i32::from(*s1),
        i32::from(*p2),
        i32::from(*s2),
    );
    let (precision, scale) = match operation {
        Operation::Add | Operation::Subtract => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Operation::Multiply => (p1 + p2 + 1, s1 + s2),
        Operation::Divide => {
            let scale = MIN_SCALE.max(s1 + p2 + 1);
            (p1 - s1 + s2 + scale, scale)
        }
        Operation::Remainder => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
        Operation::WholeDivide => return Ok(DataType::Int64),
    };
    let (precision, scale) = if precision <= MAX {
        (precision, scale)
    } else {
        let whole = precision - scale;
        (MAX, (MAX - whole).max(scale.min(MIN_SCALE)))
    };
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision), Ok(scale)) => Ok(DataType::Decimal128(precision, scale)),
        _ => plan_err!("decimal({precision},{scale}) does not exist"),
    }
}

/// The type of a decimal that is rounded, as Spark's `RoundBase` has it.
pub(super) fn rounded(precision: u8, scale: i8, digits: i32) -> DataType {
    let (precision, scale) = (i32::from(precision), i32::from(scale));
    // Rounding may need one more digit before the point.
    let whole = precision - scale + 1;
    let (precision, scale) = match digits < 0 {
        true => (whole.max(digits.saturating_neg().saturating_add(1)), 0),
        false => (whole + scale.min(digits), scale.min(digits)),
    };
    let precision = u8::try_from(precision.min(MAX)).unwrap_or(DECIMAL128_MAX_PRECISION);
    DataType::Decimal128(precision, i8::try_from(scale).unwrap_or_default())
}

/// Decimals with `digits` after the point, half up, in the type that `rounded` gives.
pub(super) fn round(values: &ArrayRef, digits: i32, to: &DataType) -> Result<ArrayRef> {
    let (DataType::Decimal128(_, from), DataType::Decimal128(precision, scale)) =
        (values.data_type(), to)
    else {
        return plan_err!("a decimal is rounded to a decimal");
    };
    let (from, to_scale) = (i32::from(*from), i32::from(*scale));
    let limit = power(u32::from(*precision)).ok_or_else(|| overflow(to))?;
    let kept = digits.min(from);
    let round = |value: i128| {
        // No decimal has so many digits.
        if kept < -MAX {
            return Ok(0);
        }
        rescale(i256::from_i128(value), from, kept)
            .and_then(|value| rescale(value, kept, to_scale))
            .filter(|value| value.wrapping_abs() < limit)
            .and_then(i256::to_i128)
            .ok_or_else(|| overflow(to))
    };
    let rounded = values
        .as_primitive::<Decimal128Type>()
        .try_unary::<_, Decimal128Type, _>(round)?;
    Ok(Arc::new(
        rounded.with_precision_and_scale(*precision, *scale)?,
    ))
}

/// Computes row by row in 256 bits.
pub(super) fn compute(
    operation: Operation,
    left: &ArrayRef,
    right: &ArrayRef,
    to: &DataType,
) -> Result<ArrayRef> {
    let (DataType::Decimal128(_, s1), DataType::Decimal128(_, s2)) =
        (left.data_type(), right.data_type())
    else {
        return plan_err!("decimals meet decimals");
    };
    let (s1, s2) = (i32::from(*s1), i32::from(*s2));
    let (precision, scale) = match to {
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        // `div` gives a bigint: 19 digits hold it.
        _ => (DECIMAL128_MAX_PRECISION, 0),
    };
    let mut result =
        Decimal128Builder::with_capacity(left.len()).with_precision_and_scale(precision, scale)?;
    let left = left.as_primitive::<Decimal128Type>();
    let right = right.as_primitive::<Decimal128Type>();
    let limit = power(u32::from(precision)).ok_or_else(|| overflow(to))?;
    for (left, right) in left.iter().zip(right) {
        let (Some(left), Some(right)) = (left, right) else {
            result.append_null();
            continue;
        };
        let by_zero = right == 0
            && matches!(
                operation,
                Operation::Divide | Operation::WholeDivide | Operation::Remainder
            );
        if by_zero {
            return Err(exec_datafusion_err!("division by zero"));
        }
        let value = value(operation, (left, s1), (right, s2), i32::from(scale))
            .filter(|value| value.wrapping_abs() < limit)
            .and_then(i256::to_i128)
            .ok_or_else(|| overflow(to))?;
        result.append_value(value);
    }
    let result: ArrayRef = Arc::new(result.finish());
    if result.data_type() == to {
        return Ok(result);
    }
    let strict = arrow::compute::CastOptions {
        safe: false,
        ..Default::default()
    };
    arrow::compute::cast_with_options(&result, to, &strict).map_err(|_| overflow(to))
}

fn overflow(to: &DataType) -> datafusion_common::DataFusionError {
    let name = azud_model::ColumnType::from_arrow(to)
        .map_or_else(|| to.to_string(), |data_type| data_type.to_string());
    exec_datafusion_err!("{name} overflow")
}

fn power(exponent: u32) -> Option<i256> {
    i256::from_i128(10).checked_pow(exponent)
}

fn value(
    operation: Operation,
    (left, s1): (i128, i32),
    (right, s2): (i128, i32),
    scale: i32,
) -> Option<i256> {
    let (left, right) = (i256::from_i128(left), i256::from_i128(right));
    let up = |value: i256, digits: i32| value.checked_mul(power(digits.try_into().ok()?)?);
    let common = s1.max(s2);
    let aligned = || Some((up(left, common - s1)?, up(right, common - s2)?));
    match operation {
        Operation::Add => {
            let (left, right) = aligned()?;
            rescale(left.checked_add(right)?, common, scale)
        }
        Operation::Subtract => {
            let (left, right) = aligned()?;
            rescale(left.checked_sub(right)?, common, scale)
        }
        Operation::Multiply => rescale(left.checked_mul(right)?, s1 + s2, scale),
        Operation::Remainder => {
            let (left, right) = aligned()?;
            rescale(left.checked_rem(right)?, common, scale)
        }
        Operation::WholeDivide => {
            let (left, right) = aligned()?;
            left.checked_div(right)
        }
        Operation::Divide => {
            let shift = scale - s1 + s2;
            let (left, right) = match shift >= 0 {
                true => (up(left, shift)?, right),
                false => (left, up(right, -shift)?),
            };
            half_up(left, right)
        }
    }
}

fn rescale(value: i256, from: i32, to: i32) -> Option<i256> {
    match from <= to {
        true => value.checked_mul(power((to - from).try_into().ok()?)?),
        false => half_up(value, power((from - to).try_into().ok()?)?),
    }
}

fn half_up(left: i256, right: i256) -> Option<i256> {
    let quotient = left.checked_div(right)?;
    let rest = left.checked_rem(right)?.wrapping_abs();
    let twice = rest.checked_add(rest)?;
    if twice < right.wrapping_abs() {
        return Some(quotient);
    }
    let away = if left.is_negative() == right.is_negative() {
        i256::ONE
    } else {
        i256::MINUS_ONE
    };
    quotient.checked_add(away)
}
