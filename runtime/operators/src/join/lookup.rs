//! The keys of a table: numbered once, looked up by all lanes.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef};
use arrow::row::{RowConverter, Rows, SortField};
use azud_model::{Error, Result};
use datafusion_common::hash_utils::RandomState;

use super::plan::JoinPlan;
use crate::aggregate::canonical;

/// Numbers of keys, from 0 on.
pub(super) struct Lookup {
    converter: RowConverter,
    numbers: HashMap<Box<[u8]>, u32, RandomState>,
    null_equals_null: bool,
    keys: usize,
}

// === impl Lookup ===

impl Lookup {
    /// # Errors
    /// `Internal` if the keys have no equality.
    pub(super) fn new(plan: &JoinPlan) -> Result<Self> {
        let fields = plan.key_fields().iter();
        let fields: Vec<SortField> = fields
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        Ok(Self {
            converter: RowConverter::new(fields)?,
            numbers: HashMap::default(),
            null_equals_null: plan.null_equals_null,
            keys: plan.keys,
        })
    }

    /// The number of each row's key, a new one for a new key; `None` for a key that is equal to
    /// nothing.
    pub(super) fn add(&mut self, columns: &[ArrayRef]) -> Result<Vec<Option<u32>>> {
        let (encoded, is_null) = self.encode(columns)?;
        let mut numbers = Vec::with_capacity(encoded.num_rows());
        for (row, key) in encoded.iter().enumerate() {
            if is_null.get(row) == Some(&true) {
                numbers.push(None);
                continue;
            }
            let key: &[u8] = key.as_ref();
            let number = match self.numbers.get(key) {
                Some(number) => *number,
                None => {
                    let number = u32::try_from(self.numbers.len());
                    let number =
                        number.map_err(|_| Error::internal("a table has too many keys"))?;
                    self.numbers.insert(key.into(), number);
                    number
                }
            };
            numbers.push(Some(number));
        }
        Ok(numbers)
    }

    /// The same of keys that are looked up: `None` also for one that the table does not have.
    pub(super) fn find(&self, columns: &[ArrayRef]) -> Result<Vec<Option<u32>>> {
        let (encoded, is_null) = self.encode(columns)?;
        let numbers = encoded.iter().enumerate().map(|(row, key)| {
            let is_null = is_null.get(row) == Some(&true);
            let number = || self.numbers.get(key.as_ref()).copied();
            (!is_null).then(number).flatten()
        });
        Ok(numbers.collect())
    }

    /// Keys as bytes that are equal where they are, and which of them are equal to nothing.
    fn encode(&self, columns: &[ArrayRef]) -> Result<(Rows, Vec<bool>)> {
        let keys = columns.get(..self.keys).unwrap_or_default();
        let keys: Vec<ArrayRef> = keys.iter().map(canonical).collect();
        let encoded = self.converter.convert_columns(&keys)?;
        let mut is_null = Vec::new();
        if !self.null_equals_null && keys.iter().any(|key| key.null_count() > 0) {
            let has_null = |row: usize| keys.iter().any(|key| key.is_null(row));
            is_null = (0..encoded.num_rows()).map(has_null).collect();
        }
        Ok((encoded, is_null))
    }
}
