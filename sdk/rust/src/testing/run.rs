//! Opens a plugin on a table and processes it as one batch.

use super::{Table, Value, table};
use crate::{Error, Result, Transform, instance::Instance, setup::Out};

/// What a plugin made of a table.
#[derive(Debug)]
pub struct Ran {
    /// The output's columns in order, carried ones included.
    pub columns: Vec<(String, Vec<Value>)>,
    /// Which input row each output row came from; empty where unrelated.
    pub rows: Vec<usize>,
    /// Input rows that were rejected, with the reasons.
    pub rejected: Vec<(usize, String)>,
}

/// Runs `open` with a configuration (JSON), then `process` on all rows at once.
pub fn run<T: Transform>(config: &str, input: &Table) -> Result<Ran> {
    let (mut instance, columns) = Instance::<T>::open(config, input.fields())?;
    let reads = columns
        .reads
        .iter()
        .flat_map(|column| input.buffers(*column as usize));
    let buffers: Vec<_> = reads.cloned().collect();
    let finished = instance.process(input.rows(), &buffers)?;

    let rows: Vec<usize> = match finished.rows.as_chunks().0 {
        [] if finished.row_count == input.rows() => (0..input.rows()).collect(),
        rows => rows
            .iter()
            .map(|row| u32::from_le_bytes(*row) as usize)
            .collect(),
    };
    let rejected: Vec<_> = finished
        .rejected
        .into_iter()
        .map(|rejected| (rejected.row as usize, rejected.reason))
        .collect();
    if let Some((row, _)) = rejected.iter().find(|(row, _)| rows.contains(row)) {
        return Err(Error::new(format!("row {row} is both kept and rejected")));
    }
    if let Some(row) = rows.iter().find(|row| **row >= input.rows()) {
        return Err(Error::new(format!(
            "row {row} was kept of an input of {} rows",
            input.rows()
        )));
    }

    let mut computed = finished.buffers.as_slice();
    let mut output = Vec::new();
    for column in &columns.output {
        output.push(match column {
            Out::Carried(column) => {
                let values = input.values(*column as usize);
                let taken = rows
                    .iter()
                    .filter_map(|row| values.get(*row))
                    .cloned()
                    .collect();
                (input.name(*column as usize).to_owned(), taken)
            }
            Out::Computed(fields) => {
                let count = fields
                    .iter()
                    .map(|field| crate::schema::buffers(&field.format))
                    .sum();
                let (own, rest) = computed.split_at_checked(count).unwrap_or((computed, &[]));
                computed = rest;
                let name = fields
                    .first()
                    .map(|field| field.name.clone())
                    .unwrap_or_default();
                (name, table::decode(fields, finished.row_count, own)?)
            }
        });
    }
    Ok(Ran {
        columns: output,
        rows,
        rejected,
    })
}

// === impl Ran ===

impl Ran {
    /// The values of an output column.
    ///
    /// # Panics
    /// Where there is no such column: a mistake in the test.
    pub fn column(&self, name: &str) -> &[Value] {
        let found = self.columns.iter().find(|(column, _)| column == name);
        &found
            .unwrap_or_else(|| panic!("the output has no column `{name}`"))
            .1
    }
}
