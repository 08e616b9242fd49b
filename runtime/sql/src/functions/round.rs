//! `round(number, digits)`, half up; of doubles, over the digits that they show.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{binary, cast};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int32Type};
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::{decimal, digits};

/// Spark's `round` of `datafusion-spark`, but for doubles and decimals.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Round {
    whole: Arc<ScalarUDF>,
}

// === impl Round ===

impl Round {
    pub(super) fn new() -> Self {
        Self {
            whole: datafusion_spark::function::math::round(),
        }
    }
}

impl ScalarUDFImpl for Round {
    fn name(&self) -> &str {
        "round"
    }

    fn signature(&self) -> &Signature {
        self.whole.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.whole.return_type(types)
    }

    /// The type of a decimal depends on how many digits are kept.
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Some(field) = args.arg_fields.first() else {
            return plan_err!("round takes a number");
        };
        let data_type = match (field.data_type(), args.scalar_arguments) {
            (DataType::Decimal128(precision, scale), [_, Some(digits)]) => {
                decimal::rounded(*precision, *scale, number(digits).unwrap_or_default())
            }
            (DataType::Decimal128(..), [_, None]) => {
                return plan_err!(
                    "the digits that round keeps of a decimal must be a literal: they decide its type"
                );
            }
            (DataType::Decimal128(precision, scale), _) => decimal::rounded(*precision, *scale, 0),
            (other, _) => other.clone(),
        };
        Ok(Arc::new(Field::new(self.name(), data_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let to = args.return_type().clone();
        if !to.is_floating() && !decimal::is(&to) {
            return self.whole.invoke_with_args(args);
        }
        let columns = super::columns(&args)?;
        let Some(value) = columns.first() else {
            return exec_err!("round takes a number");
        };
        let result = match (decimal::is(&to), args.args.get(1)) {
            (true, None) => decimal::round(value, 0, &to)?,
            (true, Some(ColumnarValue::Scalar(digits))) => {
                decimal::round(value, number(digits).unwrap_or_default(), &to)?
            }
            (true, Some(ColumnarValue::Array(_))) => {
                return exec_err!("the digits that round keeps of a decimal are a literal");
            }
            (false, _) => cast(&doubles(value, columns.get(1))?, &to)?,
        };
        Ok(ColumnarValue::Array(result))
    }
}

fn number(digits: &ScalarValue) -> Option<i32> {
    match digits {
        ScalarValue::Int32(digits) => *digits,
        ScalarValue::Int64(digits) => digits.and_then(|digits| digits.try_into().ok()),
        _ => None,
    }
}

fn doubles(values: &ArrayRef, digits: Option<&ArrayRef>) -> Result<ArrayRef> {
    let values = cast(values, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    let Some(digits) = digits else {
        let rounded = values.unary::<_, Float64Type>(|value| digits::round(value, 0));
        return Ok(Arc::new(rounded));
    };
    let digits = cast(digits, &DataType::Int32)?;
    let digits = digits.as_primitive::<Int32Type>();
    Ok(Arc::new(binary::<_, _, _, Float64Type>(
        values,
        digits,
        digits::round,
    )?))
}
