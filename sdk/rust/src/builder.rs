//! Builds the buffers of a computed column.

use crate::{Type, bits};

/// Values of a computed column, in the order of the output's rows.
pub struct Builder<T: Type> {
    /// Empty until the first null.
    validity: Vec<u8>,
    values: T::Values,
    rows: usize,
}

// === impl Builder ===

impl<T: Type> Builder<T> {
    /// An empty builder.
    pub fn new() -> Self {
        Self {
            validity: Vec::new(),
            values: T::Values::default(),
            rows: 0,
        }
    }

    /// Room for `rows` values, of `bytes` bytes in all where they vary in size.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self {
            validity: Vec::new(),
            values: T::reserved(rows, bytes),
            rows: 0,
        }
    }

    /// Appends a value.
    #[inline(always)]
    pub fn push(&mut self, value: T::Value<'_>) {
        T::push(&mut self.values, self.rows, value);
        if !self.validity.is_empty() {
            bits::push(&mut self.validity, self.rows, true);
        }
        self.rows += 1;
    }

    /// Appends a null.
    pub fn push_null(&mut self) {
        if self.validity.is_empty() {
            self.validity = bits::ones(self.rows);
        }
        T::push_null(&mut self.values, self.rows);
        bits::push(&mut self.validity, self.rows, false);
        self.rows += 1;
    }

    /// Appends a value or a null.
    #[inline(always)]
    pub fn push_option(&mut self, value: Option<T::Value<'_>>) {
        match value {
            Some(value) => self.push(value),
            None => self.push_null(),
        }
    }

    /// The number of values so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Forgets the values from `rows` on: a row that turned out bad.
    pub fn truncate(&mut self, rows: usize) {
        if rows < self.rows {
            T::truncate(&mut self.values, rows);
            bits::truncate(&mut self.validity, rows);
            self.rows = rows;
        }
    }

    /// The buffers, validity first. A bitmap of no rows is no bitmap.
    pub(crate) fn finish(self) -> Vec<Vec<u8>> {
        let mut buffers = Vec::with_capacity(3);
        buffers.push(self.validity);
        T::finish(self.values, &mut buffers);
        buffers
    }
}

impl<T: Type> Default for Builder<T> {
    fn default() -> Self {
        Self::new()
    }
}
