//! The schemas that an aggregate names: in `open` its own, in `former` those of earlier versions.

use arrow::datatypes::SchemaRef;

use crate::{
    GuestError,
    bindings::{
        aggregate::exports::azud::plugin::aggregate as wit, azud::plugin::types::FieldResult,
    },
    limits::FORMERS,
    schema::announced,
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

/// What `former` has answered: the columns of the states of each earlier version.
pub(super) fn check_formers(formers: &[Vec<FieldResult>]) -> Result<Vec<SchemaRef>, GuestError> {
    if formers.len() > FORMERS {
        return Err(GuestError::invalid(format!(
            "`former` announces more than {FORMERS} versions"
        )));
    }
    let formers = formers.iter().enumerate();
    formers
        .map(|(number, state)| {
            announced(state, "state").map_err(|error| match error {
                GuestError::Invalid { what } => {
                    GuestError::invalid(format!("of version {number} in `former`: {what}"))
                }
                error => error,
            })
        })
        .collect()
}
