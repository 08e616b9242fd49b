//! [`Records`] as bytes: the body of a frame is some of them, one after the other.
//!
//! Integers are little-endian. A chunk is the number of its records (u32), the
//! position of the first (u64), the partition's name (u32 length, UTF-8), the header
//! (u32 length, or 2^32-1 for none), the number of bad records (u32) and each of them
//! (u32 index; u32 length, UTF-8 reason), start and end of each record within the
//! payload (2 u32), the payload (u32 length).

use std::sync::Arc;

use azud_model::{Error, Partition, Result};
use bytes::{Buf as _, Bytes};

use crate::{BadRecord, Payload, Records};

const NO_HEADER: u32 = u32::MAX;

/// How many bytes some records take within a frame.
pub(super) fn encoded_bytes(records: &Records) -> usize {
    let bad: usize = records.bad.iter().map(|bad| 8 + bad.reason.len()).sum();
    28 + records.partition.name.len()
        + records.header.as_ref().map_or(0, Bytes::len)
        + bad
        + 8 * records.payload.len()
        + records.payload.bytes.len()
}

/// Adds records to a frame's body; answers how many.
///
/// # Errors
/// `Internal`, with the body as it was, if they have metadata or break the promises of [`Payload`].
pub(super) fn encode(records: &Records, body: &mut Vec<u8>) -> Result<u32> {
    let before = body.len();
    let added = add(records, body);
    if added.is_err() {
        body.truncate(before);
    }
    added.map_err(|why| {
        let name = &records.partition.name;
        Error::internal(format!("records of {name} cannot be journaled: {why}"))
    })
}

fn add(records: &Records, body: &mut Vec<u8>) -> Result<u32, &'static str> {
    if records.metadata.is_some() {
        return Err("they have metadata");
    }
    body.reserve(encoded_bytes(records));
    let count = length(records.payload.len())?;
    body.extend_from_slice(&count.to_le_bytes());
    body.extend_from_slice(&records.first.to_le_bytes());
    add_bytes(records.partition.name.as_bytes(), body)?;
    match &records.header {
        Some(header) => add_bytes(header, body)?,
        None => body.extend_from_slice(&NO_HEADER.to_le_bytes()),
    }
    body.extend_from_slice(&length(records.bad.len())?.to_le_bytes());
    let mut at_least = 0;
    for bad in &records.bad {
        let index = length(bad.index)?;
        if index < at_least || index >= count {
            return Err("their bad records are out of order");
        }
        at_least = index + 1;
        body.extend_from_slice(&index.to_le_bytes());
        add_bytes(bad.reason.as_bytes(), body)?;
    }
    let all = length(records.payload.bytes.len())?;
    let mut end = 0;
    for record in &records.payload.records {
        if record.start < end || record.end < record.start || record.end > all {
            return Err("they overlap or lie outside of their payload");
        }
        end = record.end;
        body.extend_from_slice(&record.start.to_le_bytes());
        body.extend_from_slice(&record.end.to_le_bytes());
    }
    add_bytes(&records.payload.bytes, body)?;
    Ok(count)
}

fn length(length: usize) -> Result<u32, &'static str> {
    let fits = u32::try_from(length).ok().filter(|fits| *fits != NO_HEADER);
    fits.ok_or("they are too large")
}

fn add_bytes(bytes: &[u8], body: &mut Vec<u8>) -> Result<(), &'static str> {
    body.extend_from_slice(&length(bytes.len())?.to_le_bytes());
    body.extend_from_slice(bytes);
    Ok(())
}

/// Takes records off the start of a body, without copying their bytes; `None` if
/// these are no records. `source` is the node's name, which is not stored.
pub(super) fn decode(body: &mut Bytes, source: &str) -> Option<Records> {
    let count = body.try_get_u32_le().ok()? as usize;
    let first = body.try_get_u64_le().ok()?;
    let name = text(body)?;
    let header = match body.try_get_u32_le().ok()? {
        NO_HEADER => None,
        length => Some(take(body, length as usize)?),
    };
    let bad_count = body.try_get_u32_le().ok()? as usize;
    // What cannot be there is not allocated for: a bad record takes 8 bytes at least.
    if bad_count > count || bad_count > body.len() / 8 {
        return None;
    }
    let mut bad = Vec::with_capacity(bad_count);
    let mut at_least = 0;
    for _ in 0..bad_count {
        let index = body.try_get_u32_le().ok()? as usize;
        if index < at_least || index >= count {
            return None;
        }
        at_least = index + 1;
        let reason = text(body)?;
        bad.push(BadRecord { index, reason });
    }
    let mut ranges = take(body, count.checked_mul(8)?)?;
    let length = body.try_get_u32_le().ok()?;
    let bytes = take(body, length as usize)?;
    let mut records = Vec::with_capacity(count);
    let mut end = 0;
    for _ in 0..count {
        let range = ranges.try_get_u32_le().ok()?..ranges.try_get_u32_le().ok()?;
        if range.start < end || range.end < range.start || range.end > length {
            return None;
        }
        end = range.end;
        records.push(range);
    }
    Some(Records {
        partition: Arc::new(Partition {
            source: source.to_owned(),
            name,
        }),
        first,
        positions: None,
        payload: Payload {
            bytes,
            records,
            present: None,
        },
        bad,
        header,
        metadata: None,
    })
}

fn take(body: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= body.len()).then(|| body.split_to(length))
}

fn text(body: &mut Bytes) -> Option<String> {
    let length = body.try_get_u32_le().ok()? as usize;
    String::from_utf8(take(body, length)?.to_vec()).ok()
}
