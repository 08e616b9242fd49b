//! The sum of integers, computed in 38 digits, as a bigint.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int64Type};
use datafusion_common::cast::as_decimal128_array;
use datafusion_common::{Result, exec_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

/// A decimal without a fraction as a bigint; an error if it is too large.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Narrow {
    signature: Signature,
}

// === impl Narrow ===

impl Narrow {
    pub(crate) fn new() -> Self {
        Self {
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Narrow {
    fn name(&self) -> &str {
        "azud_narrow"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [sum] = args.args.as_slice() else {
            return exec_err!("a sum is one value");
        };
        let sum = sum.to_array(args.number_rows)?;
        let whole = as_decimal128_array(&sum)?.try_unary::<_, Int64Type, _>(|sum| {
            i64::try_from(sum).map_err(|_| {
                datafusion_common::exec_datafusion_err!("bigint overflow: the sum is {sum}")
            })
        })?;
        Ok(ColumnarValue::Array(std::sync::Arc::new(whole) as ArrayRef))
    }
}
