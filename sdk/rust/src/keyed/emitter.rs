//! The rows that a plugin gives.

use std::{cell::RefCell, rc::Rc};

use super::Record;

/// Takes the rows of the output: declared by [`KeyedSetup::output`](crate::KeyedSetup::output).
pub struct Emitter<R: Record>(Rc<RefCell<Given<R>>>);

struct Given<R: Record>(Vec<R::Row>);

/// The rows of a call, as the instance takes them.
pub(crate) trait Emits {
    /// How many there are, and the buffers of their columns; they are gone then.
    fn take(&self) -> (usize, Vec<Vec<u8>>);
}

// === impl Emitter ===

impl<R: Record> Emitter<R> {
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(Given(Vec::new()))))
    }

    pub(super) fn emits(&self) -> Rc<dyn Emits> {
        self.0.clone()
    }

    /// Gives a row.
    pub fn push(&self, row: R::Row) {
        self.0.borrow_mut().0.push(row);
    }
}

impl<R: Record> Emits for RefCell<Given<R>> {
    fn take(&self) -> (usize, Vec<Vec<u8>>) {
        let rows = self.replace(Given(Vec::new())).0;
        (rows.len(), R::build(&rows.iter().collect::<Vec<_>>()))
    }
}
