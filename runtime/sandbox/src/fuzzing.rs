//! Ways in for `fuzz/` and the tests: bytes become what a guest could answer.
//!
//! ```text
//! bytes -> Choices -> guest.rs: fields, rows, buffers, mostly right, then changed
//!                  -> schema::from_wire, boundary::{import, rows, rejected}
//!                  -> look.rs: what was accepted is read in every way that a row is
//!                  -> keyed.rs: the same of states, timers and rows of a keyed plugin
//! ```
//!
//! Not part of a release: only tests and the feature `fuzzing` have it.

mod choices;
mod guest;
mod keyed;
mod look;

use arrow::datatypes::{Field, Schema};

pub use choices::Choices;
pub use keyed::keyed;

use crate::{
    bindings::azud::plugin::types,
    boundary::{Buffers, import, rejected, rows},
    limits::Limits,
    schema,
};

/// The fields of a column, as a guest's `open` would answer them. Whether they were accepted.
///
/// # Panics
/// Where what was accepted is not what it says.
pub fn announce(choices: &mut Choices<'_>) -> bool {
    let fields = guest::any_fields(choices);
    let Ok(field) = schema::from_wire(&fields) else {
        return false;
    };
    assert_eq!(
        schema::from_wire(&again(&field)).ok().as_ref(),
        Some(&field)
    );
    let empty = vec![Vec::new(); guest::buffers_of(field.data_type())];
    let column = import(&mut Buffers::new(empty), &field, 0);
    look::into(
        &field,
        &column.unwrap_or_else(|error| panic!("{field}: {error}")),
    );
    true
}

/// A column of a guest's answer. Whether it was accepted.
///
/// # Panics
/// Where what was accepted is no column that Arrow would make.
pub fn answer(choices: &mut Choices<'_>) -> bool {
    let fields = guest::fields(choices);
    let Ok(field) = schema::from_wire(&fields) else {
        return false;
    };
    let mut count = choices.below(70);
    let mut buffers = guest::buffers(choices, field.data_type(), count);
    if !choices.are_made() {
        guest::change(choices, &mut buffers, &mut count);
    }
    let mut buffers = Buffers::new(buffers);
    let Ok(column) = import(&mut buffers, &field, count) else {
        return false;
    };
    assert_eq!(column.len(), count, "{field}");
    look::into(&field, &column);
    true
}

/// Where the rows of a guest's answer come from, and which it rejects. Whether
/// they were accepted.
///
/// # Panics
/// Where what was accepted names rows that are not there.
pub fn origins(choices: &mut Choices<'_>) -> bool {
    let (output, input, carries) = (choices.below(40), choices.below(40), choices.flag());
    let length = choices.one_of([output * 4, 0, output * 4 + 1, 4]);
    let mut bytes = choices.bytes(length);
    if choices.flag() {
        // Numbers of rows that are there, most of the time.
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = if at % 4 == 0 { *byte % 40 } else { 0 };
        }
    }
    let refused = (0..choices.below(4)).map(|_| types::Rejected {
        row: choices.below(45) as u32,
        reason: "no".into(),
    });
    let refused: Vec<_> = refused.collect();
    let Ok(origins) = rows(bytes, output, input, carries) else {
        return false;
    };
    let Ok(refused) = rejected(refused, &origins, input, &Limits::default()) else {
        return false;
    };
    let gone: Vec<usize> = refused.iter().map(|one| one.row as usize).collect();
    look::at_origins(&origins.rows, output, input, carries, &gone);
    true
}

/// A field's form on the wire, as a guest would announce it.
fn again(field: &Field) -> Vec<types::FieldResult> {
    let schema = Schema::new(vec![field.clone()]);
    let fields = schema::to_wire(&schema).unwrap_or_else(|error| panic!("{field}: {error}"));
    let fields = fields.into_iter().map(|field| types::FieldResult {
        name: field.name,
        format: field.format,
        nullable: field.nullable,
        children: field.children,
    });
    fields.collect()
}
