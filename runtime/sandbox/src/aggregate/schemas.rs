//! The schemas that an aggregate names in `open`.

use arrow::datatypes::SchemaRef;

use crate::{
    GuestError, bindings::aggregate::exports::azud::plugin::aggregate as wit, schema::announced,
};

/// What a plugin keeps of a group, and what it makes of that.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schemas {
    pub(super) state: SchemaRef,
    pub(super) output: SchemaRef,
}

// === impl Schemas ===

impl Schemas {
    pub(super) fn check(opened: wit::Schemas) -> Result<Self, GuestError> {
        Ok(Self {
            state: announced(&opened.state, "state")?,
            output: announced(&opened.output, "output")?,
        })
    }
}
