//! A state of entries a key, each found by a key of its own.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    Context, Record,
    slot::{Change, Owned, Slot, numbers},
};
use crate::{Batch, Error, Result};

/// Entries of each key, in the order of their own keys: declared by
/// [`KeyedSetup::map`](crate::KeyedSetup::map). A call is given all of them, so keep few.
pub struct Map<K: Record, R: Record>(Rc<RefCell<Vec<Entries<K, R>>>>)
where
    K::Row: Ord;

/// The entries of a key.
struct Entries<K: Record, R: Record> {
    all: BTreeMap<K::Row, R::Row>,
    changed: BTreeSet<K::Row>,
}

// === impl Map ===

impl<K: Record, R: Record> Map<K, R>
where
    K::Row: Ord,
{
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(Vec::new())))
    }

    pub(super) fn slot(&self) -> Rc<dyn Slot> {
        self.0.clone()
    }

    /// The entry of a key of its own.
    pub fn get(&self, context: &Context<'_>, key: &K::Row) -> Option<R::Row> {
        self.with(context, |entries| entries.all.get(key).cloned())
            .flatten()
    }

    /// All entries.
    pub fn entries(&self, context: &Context<'_>) -> Vec<(K::Row, R::Row)> {
        let all = self.with(context, |entries| {
            let all = entries.all.iter();
            all.map(|(key, row)| (key.clone(), row.clone())).collect()
        });
        all.unwrap_or_default()
    }

    /// How many entries there are.
    pub fn len(&self, context: &Context<'_>) -> usize {
        self.with(context, |entries| entries.all.len()).unwrap_or(0)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self, context: &Context<'_>) -> bool {
        self.len(context) == 0
    }

    /// Adds an entry, in place of one with the same key.
    pub fn set(&self, context: &Context<'_>, key: K::Row, row: R::Row) {
        self.with(context, |entries| {
            entries.changed.insert(key.clone());
            entries.all.insert(key, row)
        });
    }

    /// Removes an entry; answers what it was.
    pub fn remove(&self, context: &Context<'_>, key: &K::Row) -> Option<R::Row> {
        let removed = self.with(context, |entries| {
            entries.changed.insert(key.clone());
            entries.all.remove(key)
        });
        removed.flatten()
    }

    /// Removes all entries.
    pub fn clear(&self, context: &Context<'_>) {
        self.with(context, |entries| {
            let all = std::mem::take(&mut entries.all);
            entries.changed.extend(all.into_keys());
        });
    }

    fn with<T>(
        &self,
        context: &Context<'_>,
        work: impl FnOnce(&mut Entries<K, R>) -> T,
    ) -> Option<T> {
        self.0.borrow_mut().get_mut(context.place()).map(work)
    }
}

impl<K: Record, R: Record> Entries<K, R> {
    fn known(all: BTreeMap<K::Row, R::Row>) -> Self
    where
        K::Row: Ord,
    {
        Self {
            all,
            changed: BTreeSet::new(),
        }
    }
}

impl<K: Record, R: Record> Slot for RefCell<Vec<Entries<K, R>>>
where
    K::Row: Ord,
{
    fn load(&self, keys: usize, rows: &Batch, owners: &[usize]) -> Result<()> {
        let mut of_key: Vec<BTreeMap<K::Row, R::Row>> = vec![BTreeMap::new(); keys];
        let entries = K::read(rows, 0)?
            .into_iter()
            .zip(R::read(rows, K::COLUMNS)?);
        for (owner, (key, row)) in owners.iter().zip(entries) {
            let known = of_key.get_mut(*owner);
            known
                .ok_or_else(|| Error::new("a row of a state is of no key"))?
                .insert(key, row);
        }
        self.replace(of_key.into_iter().map(Entries::known).collect());
        Ok(())
    }

    fn begin(&self, keys: usize) {
        let entries = (0..keys).map(|_| Entries::known(BTreeMap::new()));
        self.replace(entries.collect());
    }

    fn changes(&self) -> Change {
        let entries = self.borrow();
        let (mut removed, mut put) = (Vec::new(), Vec::new());
        for (owner, entries) in entries.iter().enumerate() {
            for key in &entries.changed {
                match entries.all.get(key) {
                    Some(row) => put.push((owner, key, row)),
                    None => removed.push((owner, key)),
                }
            }
        }
        let mut both = Owned::new::<K>(put.iter().map(|(owner, key, _)| (*owner, *key)));
        let rows = Owned::new::<R>(put.iter().map(|(owner, _, row)| (*owner, *row)));
        both.buffers.extend(rows.buffers);
        Change {
            cleared: numbers(std::iter::empty()),
            removed: Owned::new::<K>(removed.into_iter()),
            put: both,
        }
    }
}
