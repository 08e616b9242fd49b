//! The columns that a plugin announces in `open`: hostile input.

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::{Field, Schema, SchemaRef};

use super::from_wire;
use crate::{GuestError, bindings::azud::plugin::types, limits::FIELDS};

/// The columns of fields that lie one after the other; `what` they are of is for messages.
pub(crate) fn announced(
    fields: &[types::FieldResult],
    what: &str,
) -> Result<SchemaRef, GuestError> {
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
        let column = from_wire(column)?;
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
