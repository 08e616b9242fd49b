//! Which lane a row belongs to.

use azud_model::{Batch, Error, Result, key_groups};

/// The rows that belong to each lane, by the key group of their key columns.
pub(super) fn rows_by_lane(
    batch: &Batch,
    columns: &[usize],
    lanes: usize,
) -> Result<Vec<Vec<u32>>> {
    let keys: Option<Vec<_>> = columns
        .iter()
        .map(|column| batch.columns().columns().get(*column).cloned())
        .collect();
    let keys =
        keys.ok_or_else(|| Error::internal("an exchange names a column that is not there"))?;
    let mut rows = vec![Vec::new(); lanes];
    for (row, group) in (0..).zip(key_groups(&keys, batch.rows())?) {
        if let Some(rows) = rows.get_mut(usize::from(group) % lanes) {
            rows.push(row);
        }
    }
    Ok(rows)
}
