//! `current_timestamp()`: the clock, when rows are processed.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use azud_model::Clock;
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// What queries may call it.
pub(crate) const NAMES: [&str; 3] = ["current_date", "current_timestamp", "now"];

/// The time of the clock, the same for all rows of a batch.
#[derive(Debug)]
pub(crate) struct Now {
    name: &'static str,
    clock: Watch,
    signature: Signature,
}

/// A clock that can be shown.
#[derive(Clone)]
struct Watch(Arc<dyn Clock>);

// === impl Watch ===

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

// === impl Now ===

impl Now {
    /// All of [`NAMES`], by this clock.
    pub(super) fn all(clock: &Arc<dyn Clock>) -> [(&'static str, Arc<ScalarUDF>); 3] {
        NAMES.map(|name| {
            let now = Self {
                name,
                clock: Watch(clock.clone()),
                signature: Signature::nullary(Volatility::Volatile),
            };
            (name, Arc::new(ScalarUDF::from(now)))
        })
    }
}

impl PartialEq for Now {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Now {}

impl Hash for Now {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.name {
            "current_date" => DataType::Date32,
            _ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        const DAY_MS: i64 = 86_400_000;
        let now = self.clock.0.wall_ms();
        Ok(ColumnarValue::Scalar(match self.name {
            "current_date" => ScalarValue::Date32(i32::try_from(now.div_euclid(DAY_MS)).ok()),
            _ => ScalarValue::TimestampMicrosecond(now.checked_mul(1000), Some("UTC".into())),
        }))
    }
}
