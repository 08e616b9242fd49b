//! Whether a batch is of the schema that a plugin was opened with.

use arrow::{array::RecordBatch, datatypes::Schema};

use crate::GuestError;

/// Checks the number and the types of a batch's columns.
pub(crate) fn check_input(batch: &RecordBatch, opened: &Schema) -> Result<(), GuestError> {
    let (given, opened) = (batch.columns(), opened.fields());
    if given.len() != opened.len() {
        return Err(GuestError::Input {
            what: format!("it has {} columns, not {}", given.len(), opened.len()),
        });
    }
    match given
        .iter()
        .zip(opened)
        .find(|(column, field)| column.data_type() != field.data_type())
    {
        None => Ok(()),
        Some((column, field)) => {
            let what = format!(
                "column `{}` is {}, not {}",
                field.name(),
                column.data_type(),
                field.data_type()
            );
            Err(GuestError::Input { what })
        }
    }
}
