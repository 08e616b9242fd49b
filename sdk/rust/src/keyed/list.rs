//! A state of any number of rows a key, in order.

use std::{cell::RefCell, rc::Rc};

use super::{
    Context, Record,
    slot::{Change, Owned, Slot, numbers},
};
use crate::{Batch, Error, Result};

/// Any number of rows of each key, in the order in which they were added: declared by
/// [`KeyedSetup::list`](crate::KeyedSetup::list). A call is given all of them, so keep few.
pub struct List<R: Record>(Rc<RefCell<Vec<Rows<R>>>>);

/// The rows of a key.
struct Rows<R: Record> {
    all: Vec<R::Row>,
    /// So many of them were there before the call.
    known: usize,
    /// Whether those were taken out.
    cleared: bool,
}

// === impl List ===

impl<R: Record> List<R> {
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(Vec::new())))
    }

    pub(super) fn slot(&self) -> Rc<dyn Slot> {
        self.0.clone()
    }

    /// All rows of the key.
    pub fn get(&self, context: &Context<'_>) -> Vec<R::Row> {
        let rows = self.0.borrow();
        rows.get(context.place())
            .map_or_else(Vec::new, |rows| rows.all.clone())
    }

    /// How many rows the key has.
    pub fn len(&self, context: &Context<'_>) -> usize {
        self.0
            .borrow()
            .get(context.place())
            .map_or(0, |rows| rows.all.len())
    }

    /// Whether the key has no row.
    pub fn is_empty(&self, context: &Context<'_>) -> bool {
        self.len(context) == 0
    }

    /// Adds a row at the end.
    pub fn push(&self, context: &Context<'_>, row: R::Row) {
        if let Some(rows) = self.0.borrow_mut().get_mut(context.place()) {
            rows.all.push(row);
        }
    }

    /// Keeps these rows, in place of all that were there.
    pub fn set(&self, context: &Context<'_>, all: Vec<R::Row>) {
        if let Some(rows) = self.0.borrow_mut().get_mut(context.place()) {
            *rows = Rows {
                all,
                known: 0,
                cleared: true,
            };
        }
    }

    /// Forgets all rows.
    pub fn clear(&self, context: &Context<'_>) {
        self.set(context, Vec::new());
    }
}

impl<R: Record> Rows<R> {
    fn known(all: Vec<R::Row>) -> Self {
        Self {
            known: all.len(),
            all,
            cleared: false,
        }
    }
}

impl<R: Record> Slot for RefCell<Vec<Rows<R>>> {
    fn load(&self, keys: usize, rows: &Batch, owners: &[usize]) -> Result<()> {
        let mut of_key: Vec<Vec<R::Row>> = vec![Vec::new(); keys];
        for (owner, row) in owners.iter().zip(R::read(rows, 0)?) {
            let known = of_key.get_mut(*owner);
            known
                .ok_or_else(|| Error::new("a row of a state is of no key"))?
                .push(row);
        }
        self.replace(of_key.into_iter().map(Rows::known).collect());
        Ok(())
    }

    fn begin(&self, keys: usize) {
        let rows = (0..keys).map(|_| Rows::known(Vec::new()));
        self.replace(rows.collect());
    }

    fn changes(&self) -> Change {
        let rows = self.borrow();
        let all = || rows.iter().enumerate();
        let added = all().flat_map(|(key, rows)| {
            let new = rows.all.get(rows.known..).unwrap_or_default();
            new.iter().map(move |row| (key, row))
        });
        Change {
            cleared: numbers(all().filter_map(|(key, rows)| rows.cleared.then_some(key))),
            removed: Owned::default(),
            put: Owned::new::<R>(added),
        }
    }
}
