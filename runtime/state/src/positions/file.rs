//! Positions as rows of state: a partition, and where it goes on. A partition that is gone
//! has no place: its row says so for as long as an older file may have another one.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, AsArray, ListBuilder, RecordBatch, StringArray, StringBuilder, UInt8Array,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use azud_model::{Error, KEY_GROUP, ORDER, Result, key_groups};

use super::Positions;
use crate::rows::encode;

/// `_order` is of no use here: it is 0.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new(KEY_GROUP, DataType::UInt8, false),
        Field::new(ORDER, DataType::UInt64, false),
        Field::new("partition", DataType::Utf8, false),
        Field::new_list("next", Field::new_list_field(DataType::Utf8, true), true),
    ]))
});

/// A partition and where it goes on; none where it is gone.
type Row<'a> = (&'a str, Option<&'a [String]>);

// === impl Positions ===

impl Positions {
    /// The columns of [`Positions::batch`].
    pub fn schema() -> SchemaRef {
        SCHEMA.clone()
    }

    /// What the files do not have, to be written to one.
    ///
    /// # Errors
    /// `Internal` if it cannot be made.
    pub fn batch(&self) -> Result<RecordBatch> {
        let changed = self.changed.iter().filter_map(|partition| {
            let place = self.all.get(partition)?;
            Some((partition.as_str(), Some(place.next.as_slice())))
        });
        let gone = self.gone.iter().map(|partition| (partition.as_str(), None));
        batch(&changed.chain(gone).collect::<Vec<_>>())
    }
}

fn batch(rows: &[Row<'_>]) -> Result<RecordBatch> {
    let partitions = rows.iter().map(|(partition, _)| *partition);
    let partitions: ArrayRef = Arc::new(StringArray::from_iter_values(partitions));
    let groups = key_groups(std::slice::from_ref(&partitions), rows.len())?;
    let mut next = ListBuilder::new(StringBuilder::new());
    for (_, places) in rows {
        match places {
            Some(places) => next.append_value(places.iter().map(Some)),
            None => next.append_null(),
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt8Array::from(groups)),
        Arc::new(UInt64Array::from(vec![0; rows.len()])),
        partitions,
        Arc::new(next.finish()),
    ];
    Ok(RecordBatch::try_new(SCHEMA.clone(), columns)?)
}

/// Puts the rows of a file over those of older ones.
pub(super) fn read(rows: &RecordBatch, all: &mut BTreeMap<String, Vec<String>>) -> Result<()> {
    for (partition, next) in entries(rows)? {
        match next {
            Some(next) => drop(all.insert(partition, next)),
            None => drop(all.remove(&partition)),
        }
    }
    Ok(())
}

/// Several files, oldest first, as the bytes of one, and how many rows it has. Where they
/// are the `oldest` there is nothing left that a partition could be gone from.
pub(crate) fn merge(files: &[Vec<RecordBatch>], oldest: bool) -> Result<(Vec<u8>, u64)> {
    let mut all: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
    for rows in files.iter().flatten() {
        all.extend(entries(rows)?);
    }
    let rows = all.iter().filter(|(_, next)| next.is_some() || !oldest);
    let rows: Vec<Row<'_>> = rows
        .map(|(partition, next)| (partition.as_str(), next.as_deref()))
        .collect();
    Ok((encode(&SCHEMA, &[batch(&rows)?])?, rows.len() as u64))
}

fn entries(rows: &RecordBatch) -> Result<Vec<(String, Option<Vec<String>>)>> {
    let other = || Error::invalid("a file of positions has other columns: a newer azud wrote it");
    let partitions = rows.column_by_name("partition").ok_or_else(other)?;
    let partitions = partitions.as_string_opt::<i32>().ok_or_else(other)?;
    let next = rows.column_by_name("next").ok_or_else(other)?;
    let next = next.as_list_opt::<i32>().ok_or_else(other)?;
    let entries = partitions.iter().zip(next.iter()).map(|(partition, next)| {
        let next = next.map(|next| {
            let next = next.as_string_opt::<i32>().ok_or_else(other)?;
            Ok::<_, Error>(next.iter().flatten().map(str::to_owned).collect())
        });
        Ok((partition.unwrap_or_default().to_owned(), next.transpose()?))
    });
    entries.collect()
}
