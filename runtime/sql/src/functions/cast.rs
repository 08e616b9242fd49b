//! `CAST` and `TRY_CAST` where Spark's differ from Arrow's: from and to text,
//! between time and numbers, and from doubles to decimals.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use azud_model::ColumnType;
use datafusion_common::{Result, ScalarValue, exec_err};
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::{cast_text, digits};

const MICROS: i64 = 1_000_000;

/// A cast to one type.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SparkCast {
    to: DataType,
    /// `TRY_CAST`: null instead of an error.
    attempt: bool,
    signature: Signature,
}

// === impl SparkCast ===

impl SparkCast {
    /// Whether Spark casts otherwise than Arrow, or says more about failures.
    pub(crate) fn differs(from: &DataType, to: &DataType) -> bool {
        let plain = |data_type: &DataType| {
            data_type.is_numeric()
                || data_type.is_string()
                || matches!(
                    data_type,
                    DataType::Boolean | DataType::Date32 | DataType::Timestamp(..)
                )
        };
        let widens = from.is_integer() && (to.is_floating() || *to == DataType::Int64);
        from != to && plain(from) && plain(to) && !widens
    }

    pub(crate) fn call(value: Expr, to: DataType, attempt: bool) -> Expr {
        Arc::new(ScalarUDF::from(Self {
            to,
            attempt,
            signature: Signature::any(1, Volatility::Immutable),
        }))
        .call(vec![value])
    }

    /// The values, null where a value does not fit.
    fn lenient(&self, values: &ArrayRef) -> Result<ArrayRef> {
        use DataType::{Boolean, Date32, Decimal128, Float32, Float64, Timestamp, Utf8};
        let from = values.data_type();
        Ok(match (from, &self.to) {
            (from, to) if from.is_string() => {
                let text = cast(values, &Utf8)?;
                cast_text::parse(text.as_string::<i32>(), to)?
            }
            (Float32 | Float64, to) if to.is_string() => cast_text::floats(values),
            (Timestamp(..), to) if to.is_string() => {
                let time = cast(values, &micros())?;
                cast_text::timestamps(time.as_primitive())
            }
            (Float32 | Float64, Decimal128(precision, scale)) => {
                let floats = cast(values, &Float64)?;
                let floats = floats.as_primitive::<Float64Type>().iter();
                let decimals: Decimal128Array = floats
                    .map(|float| digits::decimal(float?, *precision, *scale))
                    .collect();
                Arc::new(decimals.with_precision_and_scale(*precision, *scale)?)
            }
            // Seconds, cut downwards.
            (Timestamp(..), to) if to.is_integer() => {
                let time = cast(values, &micros())?;
                let seconds = time
                    .as_primitive::<TimestampMicrosecondType>()
                    .unary::<_, Int64Type>(|time| time.div_euclid(MICROS));
                cast(&seconds, to)?
            }
            (Timestamp(..), Float32 | Float64) => {
                let time = cast(values, &micros())?;
                let seconds = time
                    .as_primitive::<TimestampMicrosecondType>()
                    .unary::<_, Float64Type>(|time| time as f64 / MICROS as f64);
                cast(&seconds, &self.to)?
            }
            (from, Timestamp(..)) if from.is_integer() => {
                let seconds = cast(values, &DataType::Int64)?;
                let time = seconds
                    .as_primitive::<Int64Type>()
                    .unary_opt::<_, TimestampMicrosecondType>(|time| time.checked_mul(MICROS));
                cast(&time, &self.to)?
            }
            (Float32 | Float64, Timestamp(..)) => {
                let seconds = cast(values, &Float64)?;
                let time = seconds
                    .as_primitive::<Float64Type>()
                    .unary_opt::<_, TimestampMicrosecondType>(|seconds| {
                        let micros = seconds * MICROS as f64;
                        micros.is_finite().then_some(micros as i64)
                    });
                cast(&time, &self.to)?
            }
            (Boolean, Timestamp(..)) | (Date32, Boolean) => {
                return exec_err!("there is no such cast");
            }
            _ => cast(values, &self.to)?,
        })
    }

    fn compute(&self, values: &ArrayRef) -> Result<ArrayRef> {
        let result = self.lenient(values)?;
        if !self.attempt
            && result.null_count() != values.logical_null_count()
            && let Some(row) =
                (0..values.len()).find(|row| result.is_null(*row) && values.is_valid(*row))
        {
            let value = ArrayFormatter::try_new(values, &FormatOptions::default())?
                .value(row)
                .to_string();
            let name = ColumnType::from_arrow(&self.to)
                .map_or_else(|| self.to.to_string(), |data_type| data_type.to_string());
            return exec_err!("`{value}` cannot be cast to {name}");
        }
        Ok(result)
    }
}

impl ScalarUDFImpl for SparkCast {
    fn name(&self) -> &str {
        match self.attempt {
            true => "azud_try_cast",
            false => "azud_cast",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [ColumnarValue::Array(values)] => Ok(ColumnarValue::Array(self.compute(values)?)),
            [ColumnarValue::Scalar(value)] => {
                let result = self.compute(&value.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                    &result, 0,
                )?))
            }
            _ => exec_err!("a cast takes one value"),
        }
    }
}

fn micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}
