//! Roots and logarithms, with Spark's answers where there is none.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Float64Type};
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::Arithmetic;

/// A function of doubles.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Real {
    kind: Kind,
    signature: Signature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// NaN of what is negative.
    Sqrt,
    /// As all logarithms here: null of what is zero or negative.
    Ln,
    Log10,
    Log2,
    /// The logarithm of one more than the value.
    Log1p,
    /// `log(base, value)`; `log(value)` is `ln`.
    Log,
}

// === impl Real ===

impl Real {
    pub(super) fn all() -> [Self; 6] {
        [
            Kind::Sqrt,
            Kind::Ln,
            Kind::Log10,
            Kind::Log2,
            Kind::Log1p,
            Kind::Log,
        ]
        .map(|kind| Self {
            kind,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

impl ScalarUDFImpl for Real {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Sqrt => "sqrt",
            Kind::Ln => "ln",
            Kind::Log10 => "log10",
            Kind::Log2 => "log2",
            Kind::Log1p => "log1p",
            Kind::Log => "log",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let count = match self.kind {
            Kind::Log => 1..=2,
            _ => 1..=1,
        };
        if !count.contains(&types.len()) || !types.iter().all(Arithmetic::takes) {
            return plan_err!("{} takes a number", self.name());
        }
        Ok(vec![DataType::Float64; types.len()])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = super::columns(&args)?;
        let result = match columns.as_slice() {
            [value] => value
                .as_primitive::<Float64Type>()
                .unary_opt::<_, Float64Type>(|value| self.kind.of(value)),
            [base, value] => base
                .as_primitive::<Float64Type>()
                .iter()
                .zip(value.as_primitive::<Float64Type>())
                .map(|(base, value)| Some(Kind::Ln.of(value?)? / Kind::Ln.of(base?)?))
                .collect(),
            _ => return exec_err!("{} takes a number", self.name()),
        };
        Ok(ColumnarValue::Array(Arc::new(result)))
    }
}

// === impl Kind ===

impl Kind {
    fn of(self, value: f64) -> Option<f64> {
        let lowest = match self {
            Self::Sqrt => return Some(value.sqrt()),
            Self::Log1p => -1.0,
            _ => 0.0,
        };
        if value <= lowest {
            return None;
        }
        Some(match self {
            Self::Log10 => value.log10(),
            // As Java computes it.
            Self::Log2 => value.ln() / 2_f64.ln(),
            Self::Log1p => value.ln_1p(),
            Self::Sqrt | Self::Ln | Self::Log => value.ln(),
        })
    }
}
