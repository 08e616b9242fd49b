//! The columns that an aggregate answers with: states, or results.

use crate::{Batch, Builder, Key, Output, Result, Type, output::Computed};

/// Columns to be set, one value a group.
pub struct Columns<'a>(Output<'a>);

// === impl Columns ===

impl<'a> Columns<'a> {
    pub(crate) fn new(columns: &'a [Computed], groups: usize) -> Self {
        let nothing = Batch {
            rows: 0,
            buffers: &[],
            reads: &[],
        };
        let mut output = Output::new(columns, &nothing);
        output.unrelated(groups);
        Self(output)
    }

    /// Sets a column, by name or by its place.
    pub fn set<T: Type>(&mut self, key: impl Key, builder: Builder<T>) -> Result<()> {
        self.0.set(key, builder)
    }

    /// Sets a column of any type from its Arrow buffers.
    pub fn set_buffers(&mut self, key: impl Key, rows: usize, buffers: Vec<Vec<u8>>) -> Result<()> {
        self.0.set_buffers(key, rows, buffers)
    }

    pub(crate) fn finish(self) -> Result<Vec<Vec<u8>>> {
        Ok(self.0.finish()?.buffers)
    }
}
