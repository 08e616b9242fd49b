//! A state as the instance sees it: loaded before a call, asked for its changes after it.

use crate::{Batch, Field, Result};

/// How many rows of a state a key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    List,
    /// So many of the first columns are an entry's key.
    Map(usize),
}

/// What a plugin has declared.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) columns: Vec<Field>,
    /// Microseconds.
    #[cfg_attr(
        not(target_family = "wasm"),
        expect(dead_code, reason = "the test kit keeps all")
    )]
    pub(crate) ttl: Option<u64>,
}

/// Rows, and the key that each belongs to.
#[derive(Debug, Default)]
pub(crate) struct Owned {
    pub(crate) rows: usize,
    pub(crate) buffers: Vec<Vec<u8>>,
    pub(crate) groups: Vec<u8>,
}

/// What becomes of a state.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) cleared: Vec<u8>,
    pub(crate) removed: Owned,
    pub(crate) put: Owned,
}

/// A state of all keys of a call.
pub(crate) trait Slot {
    /// What is known of so many keys: row i belongs to key `owners[i]`.
    fn load(&self, keys: usize, rows: &Batch, owners: &[usize]) -> Result<()>;

    /// Nothing is known of so many keys.
    fn begin(&self, keys: usize);

    /// What has changed since.
    fn changes(&self) -> Change;
}

// === impl Owned ===

impl Owned {
    pub(crate) fn new<'a, R: crate::Record>(
        rows: impl Iterator<Item = (usize, &'a R::Row)>,
    ) -> Self {
        let (groups, rows): (Vec<usize>, Vec<&R::Row>) = rows.unzip();
        Self {
            rows: rows.len(),
            buffers: R::build(&rows),
            groups: numbers(groups.into_iter()),
        }
    }
}

/// Numbers of keys as they cross the boundary.
pub(crate) fn numbers(keys: impl Iterator<Item = usize>) -> Vec<u8> {
    keys.flat_map(|key| (key as u32).to_le_bytes()).collect()
}
