//! A run starts or comes back: what is there must be its own, up to the epoch that was
//! recorded last. It takes the place, and gives up what was uploaded and never recorded.

use azud_connect::Recovery;
use azud_model::{Error, Mode, Result};

use super::aside::put_aside;
use super::each::each;
use super::look::{Seen, markers};
use super::owner::{Owned, Owner, taken};
use super::place::{Place, UPLOADS, start_of};
use super::token::Finished;
use super::upload::Marker;
use crate::sink::refused;

/// Makes the place ready, but for the commit of the recorded epoch, whose uploads are `tokens`.
///
/// # Errors
/// As [`azud_connect::Sink::recover`]; `Invalid` also for the older of two that start at once.
pub(super) async fn recover(
    place: &Place,
    node: &str,
    recovery: &Recovery,
    tokens: &[Finished],
) -> Result<Owned> {
    let seen = Seen::look(place).await?;
    let before = seen.owner.as_ref().map(|(owner, _)| owner);
    if let Some(owner) = before
        && owner.run.as_ref() == Some(&recovery.run)
        && recovery.generation > 0
        && owner.generation > recovery.generation
    {
        return Err(taken(place));
    }
    let strangers = seen.strangers(place, recovery, tokens).await?;
    let run = Some(recovery.run.clone());
    let version = seen.owner.as_ref().map(|(_, version)| version.clone());
    let owned = match &strangers.first {
        None => {
            let ours = before.filter(|owner| owner.run == run);
            let epoch = ours.and_then(|owner| owner.epoch);
            let owner = Owner::after(before, run, recovery.generation, epoch)?;
            Owned::take(place, version, owner).await?
        }
        Some((witness, why)) if !recovery.allow_reset => {
            return Err(refused(&place.given(), node, recovery, witness, why));
        }
        Some(_) => {
            // Its owner is kept out first, and stays named until all is put aside: a crash
            // between leaves what is refused again.
            let (of, generation) = match before {
                Some(owner) => (owner.run.clone(), owner.generation),
                None => (None, 0),
            };
            let epoch = before.and_then(|owner| owner.epoch);
            let owner = Owner::after(before, of, generation, epoch)?;
            let owned = Owned::take(place, version, owner).await?;
            put_aside(place, node, owned.start, strangers.names).await?;
            let epoch = recovery.last.as_ref().map(|last| last.epoch.number);
            owned
                .settle(&recovery.run, recovery.generation, epoch)
                .await?;
            owned
        }
    };
    roll_back(place, owned.start, tokens).await?;
    Ok(owned)
}

/// The same for a run without a checkpoint, which nothing is known of.
///
/// # Errors
/// `Invalid` if there is output that it would overwrite.
pub(super) async fn open(place: &Place, mode: Mode) -> Result<Owned> {
    let seen = Seen::look(place).await?;
    let given = place.given();
    if let Some((owner, _)) = &seen.owner
        && let Some(run) = &owner.run
        && !seen.markers.is_empty()
    {
        return Err(Error::invalid(format!(
            "`{given}` waits for run `{run}`, whose checkpoint may hold rows that are not visible \
             yet: start that one again, write elsewhere, or remove `{}`",
            place.bucket.place(UPLOADS)
        )));
    }
    if let Some(first) = seen.lists.first()
        && mode != Mode::Complete
    {
        return Err(Error::invalid(format!(
            "`{given}` holds the output of an earlier run (`{given}/_azud/{first}.json` lists \
             it): remove it, or write to another place"
        )));
    }
    if let Some(name) = seen.unlisted(place, &[]).next() {
        return Err(Error::invalid(format!(
            "`{given}/{name}` is there already, and no list in `{given}/_azud` knows it: remove \
             it, or write to another place"
        )));
    }
    let (before, version) = seen.owner.unzip();
    let owner = Owner::after(before.as_ref(), None, 0, None)?;
    let owned = Owned::take(place, version, owner).await?;
    roll_back(place, owned.start, &[]).await?;
    Ok(owned)
}

/// Gives up what earlier starts have uploaded, but for what is recorded. Looked for once
/// the place is taken: later starts have numbers of their own.
async fn roll_back(place: &Place, start: u64, tokens: &[Finished]) -> Result<()> {
    let mut earlier = markers(place).await?;
    earlier.retain(|name| start_of(name).is_some_and(|of| of < start));
    let recorded: Vec<String> = tokens.iter().map(|token| token.upload.clone()).collect();
    each(earlier, |name| {
        let (place, recorded) = (place.clone(), recorded.clone());
        async move {
            let name = format!("{UPLOADS}/{name}");
            match Marker::read(&place, &name).await? {
                Some(marker) if !recorded.contains(&marker.upload) => {
                    marker.give_up(&place, &name).await
                }
                _ => Ok(()),
            }
        }
    })
    .await
}
