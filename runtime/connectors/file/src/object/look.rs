//! What is there when a run starts, and what of it is not the run's.

use azud_connect::Recovery;
use azud_model::Result;
use azud_object::Version;

use super::lists;
use super::owner::Owner;
use super::place::{HIDDEN, Place, UPLOADS};
use super::token::Finished;
use crate::sink::Why;

/// What is there.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) owner: Option<(Owner, Version)>,
    /// The epochs that have a list.
    pub(super) lists: Vec<u64>,
    /// Visible objects that a run could have made, by name.
    pub(super) parts: Vec<String>,
    /// The names of markers in their folder.
    pub(super) markers: Vec<String>,
}

/// What of it may not stay.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// What tells it, and why: of the first one.
    pub(super) first: Option<(String, Why)>,
    /// What is to go for it: lists last, by which it would be found again.
    pub(super) names: Vec<String>,
}

// === impl Seen ===

impl Seen {
    /// # Errors
    /// `Unavailable` if another run took the place meanwhile: look again.
    pub(super) async fn look(place: &Place) -> Result<Self> {
        let owner = Owner::read(place).await?;
        let lists = lists::epochs(place).await?;
        let mut parts: Vec<String> = place
            .bucket
            .list("")
            .await?
            .into_iter()
            .map(|object| object.name)
            .filter(|name| place.epoch_of(name).is_some())
            .collect();
        parts.sort_by_key(|name| (place.epoch_of(name), name.clone()));
        let markers = markers(place).await?;
        // Else this would be somebody's output, and nobody's name.
        if Owner::read(place).await? != owner {
            return Err(Owner::is_changing(place));
        }
        Ok(Self {
            owner,
            lists,
            parts,
            markers,
        })
    }

    /// Parts that no list can name, but for those of these epochs or names.
    pub(super) fn unlisted<'a>(
        &'a self,
        place: &'a Place,
        tokens: &'a [Finished],
    ) -> impl Iterator<Item = &'a String> {
        self.parts.iter().filter(move |name| {
            let epoch = place.epoch_of(name).unwrap_or_default();
            let is_listed = self.lists.binary_search(&epoch).is_ok();
            !is_listed && !tokens.iter().any(|token| token.name == **name)
        })
    }

    /// Output of other runs and of none, of epochs that are not recorded, and objects that
    /// nobody knows, but for those that the recorded epoch's commit may have left.
    pub(super) async fn strangers(
        &self,
        place: &Place,
        recovery: &Recovery,
        tokens: &[Finished],
    ) -> Result<Strangers> {
        match self.whose(place).await? {
            Some(run) if run.as_ref() != Some(&recovery.run) => Ok(self.of_run(place, run)),
            _ => Ok(self.of_epochs(place, recovery, tokens)),
        }
    }

    /// The run that has written here; `None` if that is not told.
    async fn whose(&self, place: &Place) -> Result<Option<Option<String>>> {
        if let Some((owner, _)) = &self.owner {
            return Ok(Some(owner.run.clone()));
        }
        let Some(last) = self.lists.last() else {
            return Ok(None);
        };
        Ok(lists::find(place, *last).await?.map(|list| list.run))
    }

    /// All of it is another run's.
    fn of_run(&self, place: &Place, run: Option<String>) -> Strangers {
        let lists = self.lists.iter().map(|epoch| lists::name(*epoch));
        let markers = self.markers.iter().map(|name| format!("{UPLOADS}/{name}"));
        // What a run without a checkpoint has not shown is lost with it.
        let waiting: Vec<String> = match run {
            Some(_) => markers.collect(),
            None => Vec::new(),
        };
        let witness = self.lists.first().map(|epoch| lists::name(*epoch));
        let first = match witness.or_else(|| self.parts.first().cloned()) {
            Some(name) => Some((name, Why::OfRun(run))),
            None => run
                .filter(|_| !waiting.is_empty())
                .map(|run| (UPLOADS.to_owned(), Why::Waits(run))),
        };
        Strangers {
            first: first.map(|(name, why)| (place.bucket.place(&name), why)),
            names: waiting
                .into_iter()
                .chain(self.parts.iter().cloned())
                .chain(lists)
                .collect(),
        }
    }

    /// All of it is this run's, as far as it is known.
    fn of_epochs(&self, place: &Place, recovery: &Recovery, tokens: &[Finished]) -> Strangers {
        let is_ahead = |epoch: u64| recovery.epoch.is_none_or(|last| epoch > last);
        let of_owner = self.owner.as_ref().and_then(|(owner, _)| owner.epoch);
        let begun = of_owner.filter(|epoch| is_ahead(*epoch));
        let ahead: Vec<u64> = self
            .lists
            .iter()
            .copied()
            .filter(|one| is_ahead(*one))
            .collect();
        let mut unlisted: Vec<&String> = self.unlisted(place, tokens).collect();
        // A commit that was begun has left them.
        unlisted.retain(|name| place.epoch_of(name) != begun || begun.is_none());
        let first = match (ahead.first(), begun, unlisted.first()) {
            (Some(epoch), _, _) => Some((lists::name(*epoch), Why::Ahead(*epoch))),
            (None, Some(epoch), _) => Some((format!("{HIDDEN}/owner.json"), Why::Ahead(epoch))),
            (None, None, Some(name)) => Some(((*name).clone(), Why::Unlisted)),
            (None, None, None) => None,
        };
        let is_later = |name: &&String| place.epoch_of(name).is_some_and(is_ahead);
        let mut names: Vec<String> = self.parts.iter().filter(is_later).cloned().collect();
        names.extend(unlisted.into_iter().filter(|name| !is_later(name)).cloned());
        names.extend(ahead.iter().map(|epoch| lists::name(*epoch)));
        Strangers {
            first: first.map(|(name, why)| (place.bucket.place(&name), why)),
            names,
        }
    }
}

/// The names of markers in their folder.
pub(super) async fn markers(place: &Place) -> Result<Vec<String>> {
    let listed = place.bucket.list(UPLOADS).await?;
    Ok(listed.into_iter().map(|object| object.name).collect())
}
