//! Numbers for groups: equal keys, equal number.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use datafusion_common::Result;
use datafusion_expr::EmitTo;
use datafusion_physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion_physical_plan::aggregates::order::GroupOrdering;

/// Gives groups numbers from 0 on, in the order in which they are first seen.
pub(crate) struct GroupKeys {
    /// `None`: there are no keys, and one group of number 0.
    values: Option<Box<dyn GroupValues>>,
    bytes: usize,
}

// === impl GroupKeys ===

impl GroupKeys {
    pub(crate) fn new(keys: &SchemaRef) -> Result<Self> {
        let values = match keys.fields().is_empty() {
            true => None,
            false => Some(new_group_values(keys.clone(), &GroupOrdering::None)?),
        };
        Ok(Self { values, bytes: 0 })
    }

    /// Writes the number of each row's group.
    pub(crate) fn number(
        &mut self,
        keys: &[ArrayRef],
        rows: usize,
        numbers: &mut Vec<usize>,
    ) -> Result<()> {
        numbers.clear();
        match &mut self.values {
            None => numbers.resize(rows, 0),
            Some(values) => {
                let keys: Vec<ArrayRef> = keys.iter().map(canonical).collect();
                let before = values.len();
                values.intern(&keys, numbers)?;
                if values.len() != before {
                    // Asking is dear for some key types.
                    self.bytes = values.size();
                }
            }
        }
        Ok(())
    }

    /// How many groups have a number.
    pub(crate) fn len(&self) -> usize {
        self.values.as_ref().map_or(1, |values| values.len())
    }

    /// Forgets all groups but the first ones.
    pub(super) fn shrink_to(&mut self, groups: usize) -> Result<()> {
        if self.values.is_none() || self.len() <= groups {
            return Ok(());
        }
        let keys = self.take()?;
        if groups == 0 {
            return Ok(());
        }
        let first: Vec<ArrayRef> = keys.iter().map(|key| key.slice(0, groups)).collect();
        self.number(&first, groups, &mut Vec::new())
    }

    /// About how many bytes the keys take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The keys of all groups in the order of their numbers; starts afresh.
    pub(crate) fn take(&mut self) -> Result<Vec<ArrayRef>> {
        self.bytes = 0;
        match &mut self.values {
            None => Ok(Vec::new()),
            Some(values) => {
                let keys = values.emit(EmitTo::All);
                // Several columns leave their hash table behind, which names groups that are gone.
                values.clear_shrink(0);
                keys
            }
        }
    }
}

/// -0.0 as 0.0 and every NaN as one: Spark groups them together.
pub(crate) fn canonical(key: &ArrayRef) -> ArrayRef {
    match key.data_type() {
        DataType::Float64 => Arc::new(
            key.as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|x| if x.is_nan() { f64::NAN } else { x + 0.0 }),
        ),
        DataType::Float32 => Arc::new(
            key.as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|x| if x.is_nan() { f32::NAN } else { x + 0.0 }),
        ),
        _ => key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    /// One column, several, and a nested one: each has a hash table of its own kind.
    #[test]
    fn what_was_taken_starts_afresh() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a"]));
        let number: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 1]));
        for columns in [vec![text.clone()], vec![number.clone()], vec![text, number]] {
            let fields: Vec<Field> = columns
                .iter()
                .enumerate()
                .map(|(number, column)| {
                    Field::new(format!("c{number}"), column.data_type().clone(), true)
                })
                .collect();
            let mut keys = GroupKeys::new(&Arc::new(Schema::new(fields))).unwrap();
            for _ in 0..3 {
                let mut numbers = Vec::new();
                keys.number(&columns, 3, &mut numbers).unwrap();
                let groups = keys.len();
                assert_eq!(numbers, if groups == 1 { [0, 0, 0] } else { [0, 1, 0] });
                let taken = keys.take().unwrap();
                assert_eq!(taken.len(), columns.len());
                assert_eq!(taken.first().map(|key| key.len()), Some(groups));
                assert_eq!(keys.len(), 0);
            }
        }
    }
}
