//! A state of at most one row a key.

use std::{cell::RefCell, rc::Rc};

use super::{
    Context, Record,
    slot::{Change, Owned, Slot, numbers},
};
use crate::{Batch, Error, Result};

/// At most one row of each key: declared by [`KeyedSetup::value`](crate::KeyedSetup::value).
///
/// What is set can be read at once, also where a key has several rows in a call.
pub struct Value<R: Record>(Rc<RefCell<Rows<R>>>);

struct Rows<R: Record> {
    of_key: Vec<Option<R::Row>>,
    changed: Vec<bool>,
}

// === impl Value ===

impl<R: Record> Value<R> {
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(Rows {
            of_key: Vec::new(),
            changed: Vec::new(),
        })))
    }

    pub(super) fn slot(&self) -> Rc<dyn Slot> {
        self.0.clone()
    }

    /// What is known of the key.
    pub fn get(&self, context: &Context<'_>) -> Option<R::Row> {
        self.0
            .borrow()
            .of_key
            .get(context.place())
            .cloned()
            .flatten()
    }

    /// Keeps a row, in place of the one before.
    pub fn set(&self, context: &Context<'_>, row: R::Row) {
        self.put(context, Some(row));
    }

    /// Forgets the row.
    pub fn clear(&self, context: &Context<'_>) {
        self.put(context, None);
    }

    fn put(&self, context: &Context<'_>, row: Option<R::Row>) {
        let mut rows = self.0.borrow_mut();
        if let Some(known) = rows.of_key.get_mut(context.place()) {
            *known = row;
        }
        if let Some(changed) = rows.changed.get_mut(context.place()) {
            *changed = true;
        }
    }
}

impl<R: Record> Slot for RefCell<Rows<R>> {
    fn load(&self, keys: usize, rows: &Batch, owners: &[usize]) -> Result<()> {
        let mut of_key = vec![None; keys];
        for (owner, row) in owners.iter().zip(R::read(rows, 0)?) {
            let known = of_key.get_mut(*owner);
            *known.ok_or_else(|| Error::new("a row of a state is of no key"))? = Some(row);
        }
        self.replace(Rows {
            of_key,
            changed: vec![false; keys],
        });
        Ok(())
    }

    fn begin(&self, keys: usize) {
        self.replace(Rows {
            of_key: vec![None; keys],
            changed: vec![false; keys],
        });
    }

    fn changes(&self) -> Change {
        let rows = self.borrow();
        let changed = || {
            let all = rows.of_key.iter().zip(&rows.changed).enumerate();
            all.filter_map(|(key, (row, changed))| changed.then_some((key, row.as_ref())))
        };
        let gone = changed().filter(|(_, row)| row.is_none());
        Change {
            cleared: numbers(gone.map(|(key, _)| key)),
            removed: Owned::default(),
            put: Owned::new::<R>(changed().filter_map(|(key, row)| Some((key, row?)))),
        }
    }
}
