//! The schemas that an aggregate names in `open`: hostile input.

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::{
    GuestError,
    bindings::{aggregate::exports::azud::plugin::aggregate as wit, azud::plugin::types},
    limits::FIELDS,
    schema,
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
            state: columns(&opened.state, "state")?,
            output: columns(&opened.output, "output")?,
        })
    }
}

fn columns(fields: &[types::FieldResult], what: &str) -> Result<SchemaRef, GuestError> {
    if fields.is_empty() {
        return Err(GuestError::invalid(format!(
            "`open` names no column of the {what}"
        )));
    }
    if fields.len() > FIELDS {
        return Err(GuestError::invalid(format!(
            "`open` announces more than {FIELDS} fields of the {what}, nested ones included"
        )));
    }
    let mut columns: Vec<Field> = Vec::new();
    let mut names = BTreeSet::new();
    let mut rest = fields;
    while !rest.is_empty() {
        let (column, after) = rest.split_at(span(rest));
        let column = schema::from_wire(column)?;
        if !names.insert(column.name().clone()) {
            return Err(GuestError::invalid(format!(
                "two columns of the {what} are named `{}`",
                column.name()
            )));
        }
        columns.push(column);
        rest = after;
    }
    Ok(Arc::new(Schema::new(columns)))
}

/// How many fields the first column has: all that are left where it lacks some.
fn span(fields: &[types::FieldResult]) -> usize {
    let mut due = 1_u64;
    for (read, field) in fields.iter().enumerate() {
        due = due - 1 + u64::from(field.children);
        if due == 0 {
            return read + 1;
        }
    }
    fields.len()
}
