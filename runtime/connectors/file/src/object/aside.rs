//! Output that may not stay is put where no reader looks, and not removed.

use azud_model::Result;

use super::each::each;
use super::place::{HIDDEN, Place};

/// Puts objects to `_azud/reset-<number>/`, and says so. What is there already is passed
/// over: an earlier attempt has come so far. Lists go last: by them
/// the rest is found again.
pub(super) async fn put_aside(
    place: &Place,
    node: &str,
    number: u64,
    names: Vec<String>,
) -> Result<()> {
    let folder = format!("{HIDDEN}/reset-{number}");
    let put = |from: String| {
        let bucket = place.bucket.clone();
        let hidden = format!("{HIDDEN}/");
        let to = format!("{folder}/{}", from.strip_prefix(&hidden).unwrap_or(&from));
        async move { bucket.rename(&from, &to).await }
    };
    let is_list = |name: &String| name.starts_with(HIDDEN) && name.matches('/').count() == 1;
    let (lists, others): (Vec<String>, Vec<String>) = names.into_iter().partition(is_list);
    each(others, put).await?;
    each(lists, put).await?;
    let (given, aside) = (place.given(), place.bucket.place(&folder));
    tracing::warn!(
        "sink `{node}`: what was in `{given}` and is not of this run up to its last recorded \
         epoch is in `{aside}` now"
    );
    Ok(())
}
