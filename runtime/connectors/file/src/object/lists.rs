//! The lists of a bucket.

use azud_model::{Error, Result};
use azud_object::{Condition, Version};
use bytes::Bytes;

use super::place::{HIDDEN, Place};
use crate::list::Entry;

pub(super) fn name(epoch: u64) -> String {
    format!("{HIDDEN}/{epoch}.json")
}

/// The epochs that have a list.
pub(super) async fn epochs(place: &Place) -> Result<Vec<u64>> {
    let listed = place.bucket.list(HIDDEN).await?;
    let number = |name: &str| name.strip_suffix(".json")?.parse::<u64>().ok();
    let mut epochs: Vec<u64> = listed.iter().filter_map(|one| number(&one.name)).collect();
    epochs.sort_unstable();
    Ok(epochs)
}

/// An epoch's list, if there is one.
pub(super) async fn find(place: &Place, epoch: u64) -> Result<Option<Entry>> {
    Ok(read(place, epoch).await?.map(|(entry, _)| entry))
}

async fn read(place: &Place, epoch: u64) -> Result<Option<(Entry, Version)>> {
    let name = name(epoch);
    let Some((bytes, version)) = place.bucket.get(&name).await? else {
        return Ok(None);
    };
    let entry = serde_json::from_slice(&bytes).map_err(|error| {
        Error::invalid(format!("`{}` is no list", place.bucket.place(&name))).because(error)
    })?;
    Ok(Some((entry, version)))
}

/// Writes a list, unless it is there; in place of `before` alone, which an earlier run
/// without a checkpoint may have left under the same number. Answers whether there was none.
pub(super) async fn write(place: &Place, before: Option<&Entry>, entry: &Entry) -> Result<bool> {
    let mut bytes = serde_json::to_vec(entry)
        .map_err(|error| Error::internal("file: a list").because(error))?;
    bytes.push(b'\n');
    let (name, bytes) = (name(entry.epoch), Bytes::from(bytes));
    let put = |condition| place.bucket.put(&name, bytes.clone(), condition);
    if put(Condition::New).await?.is_some() {
        return Ok(true);
    }
    let there = read(place, entry.epoch).await?;
    if there.as_ref().is_some_and(|(there, _)| there == entry) {
        return Ok(false);
    }
    let seen = there.filter(|(there, _)| before == Some(there));
    if let Some((_, version)) = seen
        && put(Condition::Over(version)).await?.is_some()
    {
        return Ok(false);
    }
    Err(Error::invalid(format!(
        "`{}` lists other files than this run has written for epoch {}: somebody else writes to \
         `{}`",
        place.bucket.place(&name),
        entry.epoch,
        place.given()
    )))
}
