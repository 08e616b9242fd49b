//! Rows of state as Arrow IPC files: any program that reads these can read them.
//!
//! A row is a key and what is known of it. Two columns come first:
//! `_key_group` (`uint8`), by which lanes divide rows among them, and `_order`
//! (`uint64`), when the key was first seen, so that a result comes out in the
//! same order after a restart. Rows are sorted by `_key_group`.

use std::io::Cursor;

use arrow::array::{Array, AsArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{SchemaRef, UInt8Type};
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use azud_model::{Error, KEY_GROUP, Result};
use xxhash_rust::xxh3::xxh3_64;

use crate::StateFile;

/// Rows of one record batch of a file.
pub(crate) const BATCH_ROWS: usize = 1 << 16;

/// The bytes of a file with these rows, of several lanes, sorted by key group.
///
/// # Errors
/// `Internal` if the batches have different columns, or no key groups.
pub fn encode(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let all = concat_batches(schema, batches)?;
    let mut places: Vec<Vec<u64>> = vec![Vec::new(); 256];
    for (row, group) in (0u64..).zip(key_groups(&all)?.values()) {
        if let Some(rows) = places.get_mut(usize::from(*group)) {
            rows.push(row);
        }
    }
    let sorted = UInt64Array::from(places.concat());
    let sorted = take_record_batch(&all, &sorted)?;
    write(schema, &[sorted])
}

/// The bytes of a file with batches that are sorted already.
pub(crate) fn write(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, schema)?;
    for batch in batches {
        for from in (0..batch.num_rows()).step_by(BATCH_ROWS) {
            let length = BATCH_ROWS.min(batch.num_rows() - from);
            writer.write(&batch.slice(from, length))?;
        }
    }
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

/// What a record says of a file with these bytes.
pub(crate) fn describe(name: String, rows: u64, bytes: &[u8]) -> StateFile {
    StateFile {
        name,
        rows,
        bytes: bytes.len() as u64,
        xxh3: checksum(bytes),
    }
}

/// The batches of a file, once its bytes are known to be those that were recorded.
///
/// # Errors
/// `Invalid` if they are not; `place` says which file.
pub fn decode(file: &StateFile, place: &str, bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    let damaged = |why: String| {
        Error::invalid(format!(
            "the state file `{place}` is damaged: {why}; restore it from a copy of the checkpoint"
        ))
    };
    let length = bytes.len() as u64;
    if length != file.bytes {
        return Err(damaged(format!(
            "it ends at byte {length} instead of {}",
            file.bytes
        )));
    }
    let found = checksum(bytes);
    if found != file.xxh3 {
        return Err(damaged(format!(
            "bytes 0 to {length} have the checksum {found}, and {} was recorded",
            file.xxh3
        )));
    }
    let reader = FileReader::try_new(Cursor::new(bytes), None)?;
    Ok(reader.collect::<Result<_, _>>()?)
}

/// The key group of each row.
pub(crate) fn key_groups(rows: &RecordBatch) -> Result<&arrow::array::UInt8Array> {
    let column = rows.column_by_name(KEY_GROUP);
    column
        .and_then(|column| column.as_primitive_opt::<UInt8Type>())
        .filter(|groups| groups.null_count() == 0)
        .ok_or_else(|| Error::internal("rows of state have no key groups"))
}

fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

/// The rows of a lane: those whose key group it has.
///
/// # Errors
/// `Internal` if the rows have no key groups.
pub fn of_lane(rows: &RecordBatch, lane: usize, lanes: usize) -> Result<RecordBatch> {
    let own = key_groups(rows)?.values().iter();
    let own: Vec<bool> = own
        .map(|group| usize::from(*group) % lanes.max(1) == lane)
        .collect();
    Ok(filter_record_batch(rows, &own.into())?)
}
