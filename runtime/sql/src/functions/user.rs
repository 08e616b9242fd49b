//! Aggregates that are plugins, as DataFusion's planner knows them.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::DataType;
use azud_operators::UserAggregate;
use datafusion_common::{DataFusionError, Result, not_impl_err};
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, TypeSignature, Volatility,
};

/// The aggregates that a query may call beside those of SQL, by name. Upper and lower case
/// are one to SQL; a name that is one of SQL's functions means that.
pub type UserFunctions = BTreeMap<String, Arc<dyn UserFunction>>;

/// An aggregate that a query may call, before it is known on what.
pub trait UserFunction: fmt::Debug + Send + Sync {
    /// The aggregate for arguments of these types. Asked again and again while a query is
    /// planned.
    ///
    /// # Errors
    /// Why it does not take them, for a person.
    fn open(&self, arguments: &[DataType]) -> Result<Arc<dyn UserAggregate>, String>;
}

/// A user's aggregate in a plan.
#[derive(Debug)]
pub(crate) struct UserCall {
    name: String,
    function: Arc<dyn UserFunction>,
    signature: Signature,
}

/// Why a user's aggregate does not take its arguments.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{name}(): {reason}")]
pub(crate) struct Refusal {
    /// The function's name, in lower case.
    pub(crate) name: String,
    reason: String,
}

// === impl UserCall ===

impl UserCall {
    pub(super) fn udaf(name: &str, function: &Arc<dyn UserFunction>) -> Arc<AggregateUDF> {
        let some = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
        Arc::new(AggregateUDF::new_from_impl(Self {
            name: name.to_owned(),
            function: function.clone(),
            signature: Signature::new(some, Volatility::Immutable),
        }))
    }

    /// The one behind a function of a plan.
    pub(crate) fn of(function: &AggregateUDF) -> Option<&Self> {
        function.inner().downcast_ref()
    }

    /// The aggregate for arguments of exactly these types.
    pub(crate) fn open(&self, arguments: &[DataType]) -> Result<Arc<dyn UserAggregate>, Refusal> {
        let opened = self.function.open(arguments);
        opened.map_err(|reason| Refusal {
            name: self.name.clone(),
            reason,
        })
    }
}

impl AggregateUDFImpl for UserCall {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let refusal = match self.open(arguments) {
            Ok(aggregate) => return Ok(aggregate.output().clone()),
            Err(refusal) => refusal,
        };
        // A constant is a bigint until `typing::literals` has looked at it.
        let narrow = arguments.iter().map(|argument| match argument {
            DataType::Int64 => DataType::Int32,
            other => other.clone(),
        });
        match self.open(&narrow.collect::<Vec<_>>()) {
            Ok(aggregate) => Ok(aggregate.output().clone()),
            Err(_) => Err(DataFusionError::External(Box::new(refusal))),
        }
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("a plugin is run by Azud's own operators")
    }

    fn supports_null_handling_clause(&self) -> bool {
        false
    }
}

impl PartialEq for UserCall {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for UserCall {}

impl Hash for UserCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
