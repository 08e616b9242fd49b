//! `+ - * / div %` as Spark computes them in ANSI mode: what does not fit is an error.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Datum};
use arrow::compute::kernels::numeric::{add, mul, rem, sub};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::error::ArrowError;
use azud_model::ColumnType;
use datafusion_common::{Result, exec_datafusion_err, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::{decimal, divide};

/// Which of the operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    /// `/`: a double, or a decimal.
    Divide,
    /// `div`: a bigint.
    WholeDivide,
    Remainder,
}

/// One operator on numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Arithmetic {
    operation: Operation,
    signature: Signature,
}

// === impl Operation ===

impl Operation {
    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::WholeDivide => "div",
            Self::Remainder => "mod",
        }
    }
}

// === impl Arithmetic ===

impl Arithmetic {
    pub(crate) fn new(operation: Operation) -> Self {
        Self {
            operation,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// Whether values of this type are computed with here; dates and
    /// intervals are DataFusion's.
    pub(crate) fn takes(data_type: &DataType) -> bool {
        data_type.is_numeric() || data_type.is_string() || data_type.is_null()
    }

    /// The type in which two operands meet.
    fn common_type(&self, left: &DataType, right: &DataType) -> Result<(DataType, DataType)> {
        use DataType::{Float64, Int64};
        let both = |data_type: DataType| (data_type.clone(), data_type);
        // Text counts as what it stands beside; two texts as doubles.
        let (left, right) = match (text_or_null(left), text_or_null(right)) {
            (true, true) => (&Float64, &Float64),
            (true, false) => (beside(right), right),
            (false, true) => (left, beside(left)),
            (false, false) => (left, right),
        };
        if self.operation == Operation::WholeDivide && !decimal::is(left) && !decimal::is(right) {
            return Ok(both(Int64));
        }
        if decimal::is(left) || decimal::is(right) {
            if left.is_floating() || right.is_floating() {
                return Ok(both(Float64));
            }
            return Ok((decimal::of(left), decimal::of(right)));
        }
        if self.operation == Operation::Divide {
            return Ok(both(Float64));
        }
        if left.is_floating() || right.is_floating() {
            let single = |data_type: &DataType| *data_type == DataType::Float32;
            return Ok(both(match single(left) && single(right) {
                true => DataType::Float32,
                false => Float64,
            }));
        }
        Ok(both(widest(left, right)))
    }

    fn compute(&self, left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
        match self.operation {
            Operation::Add => add(left, right),
            Operation::Subtract => sub(left, right),
            Operation::Multiply => mul(left, right),
            Operation::Remainder => {
                no_zero(left, right)?;
                rem(left, right)
            }
            Operation::Divide | Operation::WholeDivide => divide::divide(left, right),
        }
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.operation.symbol()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let [left, right] = args else {
            return plan_err!("{} takes two numbers", self.name());
        };
        Ok(format!(
            "({} {} {})",
            left.schema_name(),
            self.name(),
            right.schema_name()
        ))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = types else {
            return plan_err!("{} takes two numbers", self.name());
        };
        for operand in [left, right] {
            if !Self::takes(operand) {
                let name = ColumnType::from_arrow(operand)
                    .map_or_else(|| operand.to_string(), |data_type| data_type.to_string());
                return plan_err!("{} takes numbers, not {name}", self.name());
            }
        }
        let (left, right) = self.common_type(left, right)?;
        Ok(vec![left, right])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [left, right] = types else {
            return plan_err!("{} takes two numbers", self.name());
        };
        if decimal::is(left) && decimal::is(right) {
            return decimal::result(self.operation, left, right);
        }
        match self.operation {
            Operation::WholeDivide => Ok(DataType::Int64),
            _ => Ok(left.clone()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return exec_err!("{} takes two numbers", self.name());
        };
        let scalar = matches!(
            (left, right),
            (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_))
        );
        let rows = if scalar { 1 } else { args.number_rows };
        let result_type = args.return_type();
        let result = if decimal::is(result_type) || decimal::is(&left.data_type()) {
            let (left, right) = (left.to_array(rows)?, right.to_array(rows)?);
            decimal::compute(self.operation, &left, &right, result_type)?
        } else {
            let result = match (left, right) {
                (ColumnarValue::Array(left), ColumnarValue::Scalar(right)) => {
                    self.compute(left, &right.to_scalar()?)
                }
                (ColumnarValue::Scalar(left), ColumnarValue::Array(right)) => {
                    self.compute(&left.to_scalar()?, right)
                }
                (left, right) => self.compute(&left.to_array(rows)?, &right.to_array(rows)?),
            };
            result.map_err(|error| failure(error, result_type))?
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(
                datafusion_common::ScalarValue::try_from_array(&result, 0)?,
            ));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// `Overflow happened on: 1 + 2` as `bigint overflow: 1 + 2`.
fn failure(error: ArrowError, data_type: &DataType) -> datafusion_common::DataFusionError {
    match error {
        ArrowError::DivideByZero => exec_datafusion_err!("division by zero"),
        ArrowError::ArithmeticOverflow(text) => {
            let operation = text
                .split_once(": ")
                .map_or(text.as_str(), |(_, rest)| rest);
            let name = ColumnType::from_arrow(data_type)
                .map_or_else(|| data_type.to_string(), |data_type| data_type.to_string());
            exec_datafusion_err!("{name} overflow: {operation}")
        }
        other => other.into(),
    }
}

/// A remainder by 0.0 would be NaN.
fn no_zero(left: &dyn Datum, right: &dyn Datum) -> Result<(), ArrowError> {
    let (left, one_left) = left.get();
    let (right, one_right) = right.get();
    let zero = |row: usize| match right.data_type() {
        DataType::Float64 => right.as_primitive::<Float64Type>().value(row) == 0.0,
        DataType::Float32 => right.as_primitive::<Float32Type>().value(row) == 0.0,
        _ => false,
    };
    if !right.data_type().is_floating() {
        return Ok(());
    }
    let rows = match one_left {
        true => right.len(),
        false => left.len(),
    };
    let failed = (0..rows).any(|row| {
        let (left_row, right_row) = (
            if one_left { 0 } else { row },
            if one_right { 0 } else { row },
        );
        left.is_valid(left_row) && right.is_valid(right_row) && zero(right_row)
    });
    match failed {
        true => Err(ArrowError::DivideByZero),
        false => Ok(()),
    }
}

fn text_or_null(data_type: &DataType) -> bool {
    data_type.is_string() || data_type.is_null()
}

/// What text counts as beside a number.
fn beside(number: &DataType) -> &DataType {
    match number.is_integer() {
        true => &DataType::Int64,
        false => &DataType::Float64,
    }
}

fn widest(left: &DataType, right: &DataType) -> DataType {
    let bits = |data_type: &DataType| match data_type {
        DataType::Int8 => 8,
        DataType::Int16 | DataType::UInt8 => 16,
        DataType::Int32 | DataType::UInt16 => 32,
        _ => 64,
    };
    match bits(left).max(bits(right)) {
        8 => DataType::Int8,
        16 => DataType::Int16,
        32 => DataType::Int32,
        _ => DataType::Int64,
    }
}

/// So that callers can build an `Expr`.
impl Arithmetic {
    pub(crate) fn call(operation: Operation, left: Expr, right: Expr) -> Expr {
        Arc::new(datafusion_expr::ScalarUDF::from(Self::new(operation))).call(vec![left, right])
    }
}
