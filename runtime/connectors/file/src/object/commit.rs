//! An epoch becomes visible: its uploads are completed, and listed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use azud_connect::fault_point;
use azud_model::{Error, Mode, Result};

use super::each::each;
use super::lists;
use super::owner::{Owned, Owner, taken};
use super::place::Place;
use super::token::Finished;
use crate::list::Entry;

/// What is committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit<'a> {
    pub(super) place: &'a Place,
    pub(super) owned: &'a Owned,
    pub(super) node: &'a str,
    /// The run of a checkpoint.
    pub(super) run: Option<&'a str>,
    pub(super) mode: Mode,
    pub(super) epoch: u64,
    pub(super) files: &'a [Finished],
    /// Of a run that comes back: any part of it may be done, or all.
    pub(super) is_again: bool,
    /// Whether the run may go on without what is gone.
    pub(super) allow_reset: bool,
}

/// Where a recorded upload is.
enum Shown {
    Yes,
    /// There is neither upload nor object.
    Gone,
}

// === impl Commit ===

impl Commit<'_> {
    /// Shows the epoch's objects and lists them; with mode complete what was listed before
    /// goes. Idempotent.
    ///
    /// # Errors
    /// `Invalid` if another start has taken the place, or what was recorded is gone.
    pub(super) async fn run(self) -> Result<()> {
        let Self { place, files, .. } = self;
        if files.is_empty() && self.mode != Mode::Complete {
            return Ok(());
        }
        let earlier = self.earlier().await?;
        self.owned.begin(self.epoch).await?;
        if !self.is_listed().await? {
            // A part of a table is no table: the next epoch writes all of it.
            let gone = self.show().await?;
            if !gone.is_empty() && self.mode == Mode::Complete {
                return Ok(());
            }
            let shown = files.iter().filter(|file| !gone.contains(file));
            let listed = shown.map(Finished::listed).collect();
            let entry = Entry::new(self.run, self.epoch, self.mode, listed);
            let before = earlier.iter().find(|list| list.epoch == self.epoch);
            let is_new = lists::write(place, before, &entry).await?;
            fault_point("after-list");
            if is_new {
                self.check_list().await?;
            }
        }
        self.remove(earlier).await?;
        let mut markers = Vec::with_capacity(files.len());
        markers.extend(files.iter().map(|file| file.marker.clone()));
        self.delete(markers).await
    }

    /// A run that was held up may have written anew the list of a table that a newer one has
    /// replaced since: that had removed it, with its objects.
    ///
    /// # Errors
    /// `Invalid` if it has.
    async fn check_list(&self) -> Result<()> {
        if self.mode != Mode::Complete || self.run.is_none() {
            return Ok(());
        }
        match Owner::read(self.place).await? {
            Some((owner, _)) if owner.epoch > Some(self.epoch) => {
                let list = lists::name(self.epoch);
                self.place.bucket.delete(&list).await?;
                Err(taken(self.place))
            }
            _ => Ok(()),
        }
    }

    async fn delete(&self, names: Vec<String>) -> Result<()> {
        each(names, |name| {
            let bucket = self.place.bucket.clone();
            async move { bucket.delete(&name).await }
        })
        .await
    }

    /// Whether the list is there: then there is nothing more to show, also where somebody
    /// has taken an object away since.
    async fn is_listed(&self) -> Result<bool> {
        if !self.is_again {
            return Ok(false);
        }
        let list = lists::find(self.place, self.epoch).await?;
        Ok(list.is_some_and(|list| {
            let listed: Vec<_> = self.files.iter().map(Finished::listed).collect();
            // Written when all that could be shown was.
            list.run.as_deref() == self.run && list.files.iter().all(|it| listed.contains(it))
        }))
    }

    /// Completes every upload; answers which are gone, where the run may go on without them.
    async fn show(&self) -> Result<Vec<Finished>> {
        let gone: Arc<Mutex<Vec<Finished>>> = Arc::default();
        each(self.files.to_vec(), |file| {
            let (place, gone) = (self.place.clone(), gone.clone());
            async move {
                if let Shown::Gone = show(&place, &file).await? {
                    gone.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(file);
                }
                Ok(())
            }
        })
        .await?;
        let gone = std::mem::take(&mut *gone.lock().unwrap_or_else(PoisonError::into_inner));
        // A newer run may have shown them, and replaced them since.
        if !gone.is_empty() && !self.owned.is_ours().await? {
            return Err(taken(self.place));
        }
        gone.iter().try_for_each(|file| self.gone(file))?;
        Ok(gone)
    }

    /// # Errors
    /// `Invalid`, unless the run may go on without it.
    fn gone(&self, file: &Finished) -> Result<()> {
        let Self { node, epoch, .. } = self;
        let what = format!(
            "`{}`, {} rows that epoch {epoch} recorded, is neither there nor is its upload: \
             somebody has removed them, or a rule of the bucket ends uploads",
            self.place.bucket.place(&file.name),
            file.rows,
        );
        if self.allow_reset {
            tracing::warn!("sink `{node}`: {what}: the run goes on without them");
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{what}: bring the object back as it was, or go on without it with `--allow-reset \
             {node}`"
        )))
    }

    /// What the last table lists, each with its epoch. Looked for before the commit begins:
    /// whoever takes the place after that has other objects.
    async fn earlier(&self) -> Result<Vec<Entry>> {
        let mut earlier = Vec::new();
        if self.mode != Mode::Complete {
            return Ok(earlier);
        }
        for epoch in lists::epochs(self.place).await? {
            // Without a checkpoint each run counts from 0.
            if epoch < self.epoch || self.run.is_none() {
                earlier.extend(lists::find(self.place, epoch).await?);
            }
        }
        Ok(earlier)
    }

    /// Removes earlier tables, each before its list: without that it would be nobody's.
    async fn remove(&self, earlier: Vec<Entry>) -> Result<()> {
        let kept: BTreeSet<&String> = self.files.iter().map(|file| &file.name).collect();
        let (mut objects, mut lists) = (Vec::new(), Vec::new());
        for list in &earlier {
            for file in &list.files {
                // A list may have been written by anybody.
                if self.place.epoch_of(&file.name).is_some() && !kept.contains(&file.name) {
                    objects.push(file.name.clone());
                }
            }
            if list.epoch != self.epoch {
                lists.push(lists::name(list.epoch));
            }
        }
        self.delete(objects).await?;
        self.delete(lists).await
    }
}

/// Completes an upload, unless that was done before.
///
/// # Errors
/// `Invalid` if what has its name is something else.
async fn show(place: &Place, file: &Finished) -> Result<Shown> {
    let bucket = &place.bucket;
    let completed = bucket.complete_upload(&file.name, &file.upload, &file.parts);
    if completed.await? {
        fault_point("after-complete");
        return Ok(Shown::Yes);
    }
    let Some(there) = bucket.find(&file.name).await? else {
        return Ok(Shown::Gone);
    };
    let parts = there.e_tag.as_deref().and_then(parts_of);
    if there.bytes == file.bytes && parts.is_none_or(|parts| parts == file.parts.len()) {
        return Ok(Shown::Yes);
    }
    Err(Error::invalid(format!(
        "`{}` has {} bytes, and is not the upload of {} bytes in {} parts that this run has \
         recorded: somebody else has written it",
        bucket.place(&file.name),
        there.bytes,
        file.bytes,
        file.parts.len()
    )))
}

/// Of how many parts an object was put together, where its ETag tells: `"9b2c...-3"`.
fn parts_of(e_tag: &str) -> Option<usize> {
    let (digest, parts) = e_tag.trim_matches('"').rsplit_once('-')?;
    let is_digest = digest.len() == 32 && digest.bytes().all(|digit| digit.is_ascii_hexdigit());
    parts.parse().ok().filter(|_| is_digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_may_tell_of_how_many_parts_it_is() {
        let of = |digest: &str| parts_of(&format!("\"{digest}\""));
        assert_eq!(of("0123456789abcdef0123456789abcdef-12"), Some(12));
        for other in ["0123456789abcdef0123456789abcdef", "7", "some-3", ""] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
