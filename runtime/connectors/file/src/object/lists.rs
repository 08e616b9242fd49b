//! The lists of a bucket.

use azud_model::{Error, Mode, Result};
use azud_object::Condition;

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
    let name = name(epoch);
    let Some((bytes, _)) = place.bucket.get(&name).await? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Error::invalid(format!("`{}` is no list", place.bucket.place(&name))).because(error)
    })
}

/// Writes a list; one that is the same may be there. With mode complete and without a
/// checkpoint an earlier run's may have its number, and is replaced.
pub(super) async fn write(place: &Place, mode: Mode, entry: &Entry) -> Result<()> {
    let mut bytes = serde_json::to_vec(entry)
        .map_err(|error| Error::internal("file: a list").because(error))?;
    bytes.push(b'\n');
    let name = name(entry.epoch);
    let condition = match (mode, &entry.run) {
        (Mode::Complete, None) => Condition::Always,
        _ => Condition::New,
    };
    let put = place.bucket.put(&name, bytes.into(), condition).await?;
    if put.is_some() || find(place, entry.epoch).await?.as_ref() == Some(entry) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`{}` lists other files than this run has written for epoch {}: somebody else writes to \
         `{}`",
        place.bucket.place(&name),
        entry.epoch,
        place.given()
    )))
}
