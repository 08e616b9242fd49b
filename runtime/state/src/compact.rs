//! Several files of a state become one: of rows with the same key the last is kept.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow::array::{AsArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, not, take_record_batch};
use arrow::datatypes::{DataType, Schema, TimestampMicrosecondType};
use arrow::row::{RowConverter, SortField};
use azud_model::{Error, KEY_GROUPS, REMOVED, Result};
use xxhash_rust::xxh3::Xxh3Default;

use crate::rows::{BATCH_ROWS, key_groups, write};

/// The columns before the key: `_key_group`, `_order`.
const BEFORE_KEY: usize = 2;

/// Hashes without a random part: the same rows make the same file.
type Latest<'a> = HashMap<arrow::row::Row<'a>, u64, BuildHasherDefault<Xxh3Default>>;

/// The rows of files, oldest first, as the bytes of one file; and how many rows it has.
/// Rows that are forgotten are left out: whose first key, a timestamp in microseconds, is
/// before `forgotten_below`; and those that say that what was under their key is removed, unless
/// there are `older` files, in which it still is.
/// One key group after the other: it takes the memory of the files and of one group.
///
/// # Errors
/// `Internal` if they are not rows of one state, with `keys` key columns.
pub fn compact(
    files: &[Vec<RecordBatch>],
    keys: usize,
    forgotten_below: Option<i64>,
    older: bool,
) -> Result<(Vec<u8>, u64)> {
    let batches: Vec<&RecordBatch> = files.iter().flatten().collect();
    let Some(schema) = batches.first().map(|batch| batch.schema()) else {
        return Err(Error::internal("there are no files of state to merge"));
    };
    let fields = schema.fields().iter().skip(BEFORE_KEY).take(keys);
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let mut merged = Vec::new();
    let mut rows = 0;
    // Groups are small: together they make batches of a size that is worth reading.
    let (mut small, mut waiting) = (Vec::new(), 0);
    for group in 0..KEY_GROUPS {
        let group =
            u8::try_from(group).map_err(|error| Error::internal("a key group").because(error))?;
        let of_group = batches
            .iter()
            .map(|batch| of_group(batch, group))
            .collect::<Result<Vec<_>>>()?;
        let all = concat_batches(&schema, &of_group)?;
        if all.num_rows() > 0 {
            let last = last_of_each_key(&converter, &all, keys)?;
            let last = match forgotten_below {
                Some(before) => without_forgotten(&last, before)?,
                None => last,
            };
            let last = match older {
                true => last,
                false => without_removed(&last, keys)?,
            };
            rows += last.num_rows() as u64;
            waiting += last.num_rows();
            small.push(last);
        }
        if waiting >= BATCH_ROWS {
            merged.push(concat_batches(&schema, &std::mem::take(&mut small))?);
            waiting = 0;
        }
    }
    merged.push(concat_batches(&schema, &small)?);
    Ok((write(&schema, &merged)?, rows))
}

/// The rows of one key group: they lie together.
fn of_group(batch: &RecordBatch, group: u8) -> Result<RecordBatch> {
    let groups = key_groups(batch)?.values();
    let from = groups.partition_point(|other| *other < group);
    let to = groups.partition_point(|other| *other <= group);
    Ok(batch.slice(from, to - from))
}

/// The rows of state that are not forgotten: whose first key is no time before this. Null is
/// none.
///
/// # Errors
/// `Internal` if their first key is no timestamp.
pub fn without_forgotten(rows: &RecordBatch, before: i64) -> Result<RecordBatch> {
    let first = rows.columns().get(BEFORE_KEY);
    let times = first.and_then(|first| first.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times
        .ok_or_else(|| Error::internal("rows of state are forgotten by time, and have none"))?;
    let kept = times.iter();
    let kept = kept.map(|time| Some(time.is_none_or(|time| time >= before)));
    Ok(filter_record_batch(rows, &kept.collect())?)
}

/// The rows of state that do not say that what was under their key is removed.
///
/// # Errors
/// `Internal` if the rows cannot be filtered.
fn without_removed(rows: &RecordBatch, keys: usize) -> Result<RecordBatch> {
    let removed = says_removed(rows.schema_ref(), keys).and_then(|at| rows.columns().get(at));
    match removed.and_then(|removed| removed.as_boolean_opt()) {
        Some(removed) => Ok(filter_record_batch(rows, &not(removed)?)?),
        None => Ok(rows.clone()),
    }
}

/// The column that says whether a row is one that was removed, where states have one: right
/// after the key. Columns of users may have its name, and may be null.
pub(crate) fn says_removed(schema: &Schema, keys: usize) -> Option<usize> {
    let field = schema.fields().get(BEFORE_KEY + keys)?;
    let is = *field.data_type() == DataType::Boolean && !field.is_nullable();
    (is && field.name() == REMOVED).then_some(BEFORE_KEY + keys)
}

fn last_of_each_key(
    converter: &RowConverter,
    all: &RecordBatch,
    keys: usize,
) -> Result<RecordBatch> {
    if keys == 0 {
        return Ok(all.slice(all.num_rows().saturating_sub(1), 1));
    }
    let columns: Vec<_> = all
        .columns()
        .iter()
        .skip(BEFORE_KEY)
        .take(keys)
        .cloned()
        .collect();
    let encoded = converter.convert_columns(&columns)?;
    let mut latest =
        Latest::with_capacity_and_hasher(all.num_rows(), BuildHasherDefault::default());
    for (number, row) in (0..).zip(encoded.iter()) {
        latest.insert(row, number);
    }
    let mut kept: Vec<u64> = latest.into_values().collect();
    kept.sort_unstable();
    Ok(take_record_batch(all, &UInt64Array::from(kept))?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, UInt8Array};
    use arrow::datatypes::{Field, Int64Type};
    use proptest::prelude::*;

    use azud_model::{KEY_GROUP, ORDER};

    use super::*;
    use crate::rows::{decode, describe, encode};

    /// Keys and values as rows of state; a key's group is its first letter.
    fn rows(pairs: &[(String, i64)]) -> RecordBatch {
        let group = |key: &String| key.bytes().next().unwrap_or(0);
        let groups = UInt8Array::from_iter_values(pairs.iter().map(|(key, _)| group(key)));
        let order = UInt64Array::from_iter_values(0..pairs.len() as u64);
        let keys = StringArray::from_iter_values(pairs.iter().map(|(key, _)| key));
        let values = Int64Array::from_iter_values(pairs.iter().map(|(_, value)| *value));
        RecordBatch::try_from_iter([
            (KEY_GROUP, Arc::new(groups) as ArrayRef),
            (ORDER, Arc::new(order) as ArrayRef),
            ("key", Arc::new(keys) as ArrayRef),
            ("count", Arc::new(values) as ArrayRef),
        ])
        .unwrap()
    }

    fn read(batches: &[RecordBatch]) -> Vec<(String, i64)> {
        let mut pairs = Vec::new();
        for batch in batches {
            let keys = batch.column(2).as_string::<i32>();
            let values = batch.column(3).as_primitive::<Int64Type>();
            let keys = keys.iter().map(|key| key.unwrap().to_owned());
            pairs.extend(keys.zip(values.values().iter().copied()));
        }
        pairs
    }

    proptest! {
        #[test]
        fn the_last_row_of_each_key_is_kept(
            files in prop::collection::vec(prop::collection::vec(("[a-d]{0,2}", any::<i64>()), 1..20), 1..6)
        ) {
            let mut expected = BTreeMap::new();
            let mut encoded = Vec::new();
            for pairs in &files {
                // Within a file a key is there once.
                let pairs: BTreeMap<_, _> = pairs.iter().cloned().collect();
                let pairs: Vec<_> = pairs.into_iter().collect();
                expected.extend(pairs.iter().cloned());
                let batch = rows(&pairs);
                let bytes = encode(&batch.schema(), &[batch]).unwrap();
                let file = describe(String::new(), pairs.len() as u64, &bytes);
                encoded.push(decode(&file, "here", &bytes).unwrap());
            }
            let (bytes, count) = compact(&encoded, 1, None, false).unwrap();
            let file = describe(String::new(), count, &bytes);
            let found = read(&decode(&file, "here", &bytes).unwrap());
            prop_assert_eq!(found.len() as u64, count);
            prop_assert_eq!(found.len(), expected.len());
            prop_assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), expected);
        }
    }

    /// Keys, and whether each says that it is removed.
    fn marked(keys: &[(&str, bool)]) -> RecordBatch {
        let pairs: Vec<(String, i64)> =
            keys.iter().map(|(key, _)| ((*key).to_owned(), 0)).collect();
        let rows = rows(&pairs);
        let removed: Vec<bool> = keys.iter().map(|(_, removed)| *removed).collect();
        let mut fields = rows.schema().fields().to_vec();
        fields.insert(3, Arc::new(Field::new(REMOVED, DataType::Boolean, false)));
        let mut columns = rows.columns().to_vec();
        columns.insert(3, Arc::new(BooleanArray::from(removed)));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    #[test]
    fn what_was_removed_stays_so_while_older_files_have_it() {
        let files = vec![
            vec![marked(&[("a", false), ("b", false), ("c", true)])],
            vec![marked(&[("a", true), ("c", false)])],
        ];
        let kept = |files: &[Vec<RecordBatch>], older| {
            let (bytes, count) = compact(files, 1, None, older).unwrap();
            let file = describe(String::new(), count, &bytes);
            let mut keys = Vec::new();
            for batch in decode(&file, "here", &bytes).unwrap() {
                let names = batch.column(2).as_string::<i32>().iter();
                let removed = batch.column(3).as_boolean().iter();
                let rows = names.zip(removed);
                keys.extend(rows.map(|(key, removed)| (key.unwrap().to_owned(), removed.unwrap())));
            }
            keys
        };
        let row = |key: &str, removed| (key.to_owned(), removed);
        assert_eq!(kept(&files, false), [row("b", false), row("c", false)]);
        assert_eq!(
            kept(&files, true),
            [row("a", true), row("b", false), row("c", false)]
        );
        // A column of a user's may have the name: it is kept.
        let nullable = marked(&[("a", true)]);
        let fields = nullable.schema();
        let fields = fields.fields().iter();
        let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let nullable = RecordBatch::try_new(schema, nullable.columns().to_vec()).unwrap();
        assert_eq!(kept(&[vec![nullable]], false), [row("a", true)]);
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let batch = rows(&[("a".to_owned(), 1)]);
        let bytes = encode(&batch.schema(), &[batch]).unwrap();
        let file = describe(String::new(), 1, &bytes);
        for end in 0..bytes.len() {
            let error = decode(&file, "state/7", &bytes[..end])
                .unwrap_err()
                .to_string();
            let expected = format!("`state/7` is damaged: it ends at byte {end} instead of");
            assert!(error.contains(&expected), "{error}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&file, "state/7", &bytes).is_err(), "bit {bit}");
        }
    }
}
