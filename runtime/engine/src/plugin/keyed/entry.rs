//! What is known of one key.

use std::collections::BTreeSet;
use std::sync::Arc;

/// A key, its states and its timers.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Arc<[u8]>,
    /// For each state its rows.
    pub(super) states: Vec<KeptRows>,
    /// Kind and time.
    pub(super) timers: BTreeSet<(u8, i64)>,
    /// When it is looked at for rows that are to be forgotten.
    pub(super) looked_at: Option<i64>,
}

/// Rows of a state, in the order of their names. Of a value the only one has none; the rows of
/// a list are numbered, those of a map have the key of their entry.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptRows(Vec<Kept>);

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) name: Box<[u8]>,
    pub(super) row: Box<[u8]>,
    /// Microseconds of processing time, `i64::MAX` for ever.
    pub(super) expires: i64,
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(key: Arc<[u8]>, states: usize) -> Self {
        Self {
            key,
            states: vec![KeptRows::default(); states],
            timers: BTreeSet::new(),
            looked_at: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.timers.is_empty() && self.states.iter().all(|state| state.0.is_empty())
    }

    /// About how many bytes its states take.
    pub(super) fn bytes(&self) -> usize {
        let states = self.states.iter();
        states.map(KeptRows::bytes).sum::<usize>() + self.key.len()
    }

    /// When the first of its rows is to be forgotten.
    pub(super) fn expires(&self) -> Option<i64> {
        let rows = self.states.iter().flat_map(KeptRows::iter);
        let expires = rows.map(|kept| kept.expires).min();
        expires.filter(|expires| *expires != i64::MAX)
    }
}

// === impl KeptRows ===

impl KeptRows {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Kept> {
        self.0.iter()
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<&Kept> {
        let place = self.place(name).ok()?;
        self.0.get(place)
    }

    /// Adds a row, in place of one of the same name.
    pub(super) fn put(&mut self, kept: Kept) {
        match self.place(&kept.name) {
            Ok(place) => {
                if let Some(old) = self.0.get_mut(place) {
                    *old = kept;
                }
            }
            Err(place) => self.0.insert(place, kept),
        }
    }

    /// Removes a row; whether there was one.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        match self.place(name) {
            Ok(place) => {
                self.0.remove(place);
                true
            }
            Err(_) => false,
        }
    }

    /// Removes all.
    pub(super) fn take(&mut self) -> Vec<Kept> {
        std::mem::take(&mut self.0)
    }

    /// Removes those that expire up to a time; their names.
    pub(super) fn forget(&mut self, now: i64) -> Vec<Box<[u8]>> {
        let gone = self.0.extract_if(.., |kept| kept.expires <= now);
        gone.map(|kept| kept.name).collect()
    }

    /// The name of the next row of a list: in the place of an old one where there is one, so
    /// that a list that is written again keeps the names of its rows.
    pub(super) fn append(&self, old: Option<&[Kept]>) -> Box<[u8]> {
        if let Some(old) = old.and_then(|old| old.get(self.0.len())) {
            return old.name.clone();
        }
        let last = self
            .0
            .last()
            .and_then(|last| last.name.as_ref().try_into().ok());
        let next = last.map_or(0, |last| u64::from_be_bytes(last).wrapping_add(1));
        next.to_be_bytes().into()
    }

    /// Names of rows that were others before, or none, or are none now; and whether there was
    /// one before.
    pub(super) fn differences(&self, old: &[Kept]) -> Vec<(Box<[u8]>, bool)> {
        let gone = old.iter().filter(|old| self.find(&old.name).is_none());
        let gone = gone.map(|gone| (gone.name.clone(), true));
        let new = self.0.iter().filter_map(|new| {
            let known = old.binary_search_by(|old| old.name.cmp(&new.name));
            let known = known.ok().and_then(|place| old.get(place));
            (known != Some(new)).then(|| (new.name.clone(), known.is_some()))
        });
        gone.chain(new).collect()
    }

    fn bytes(&self) -> usize {
        let rows = self.0.iter();
        rows.map(|kept| kept.row.len() + kept.name.len() + 8).sum()
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        // Rows mostly come in order; the row of a value is of no name.
        if self.0.last().is_none_or(|last| *last.name < *name) {
            return Err(self.0.len());
        }
        self.0.binary_search_by(|kept| (*kept.name).cmp(name))
    }
}
