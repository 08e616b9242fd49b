//! Which partitions of a journaled source may give more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_model::Partition;

use super::reader::Given;
use crate::OpenPartitions;

/// What is known of the partitions whose records are in a journal.
#[derive(Default)]
pub(super) struct Written {
    /// What the source's reader says; `None` where it does not know.
    inner: Mutex<Option<Arc<dyn OpenPartitions>>>,
    /// By partition, the sequence number after its last record.
    after: Mutex<HashMap<String, (Arc<Partition>, u64)>>,
}

/// Those that the source's reader calls open, and those with records that wait in a journal.
pub(super) struct JournalOpen {
    pub(super) parts: Vec<Given>,
}

// === impl Written ===

impl Written {
    /// Who knows which partitions have not ended.
    pub(super) fn set_inner(&self, inner: Option<Arc<dyn OpenPartitions>>) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = inner;
    }

    /// Records were appended; they end before that sequence number.
    pub(super) fn appended(&self, partition: &Arc<Partition>, after: u64) {
        let mut all = self.after();
        if let Some(known) = all.get_mut(&partition.name) {
            known.1 = after;
        } else {
            all.insert(partition.name.clone(), (partition.clone(), after));
        }
    }

    /// Those that may give more to a reader that has given all before that number. The others
    /// are forgotten.
    fn open(&self, given: u64) -> Vec<Arc<Partition>> {
        let inner = self.inner.lock();
        let inner = inner.unwrap_or_else(PoisonError::into_inner).clone();
        let listed = inner.map(|inner| inner.list());
        let is_open = |partition: &Arc<Partition>| match &listed {
            Some(listed) => listed.iter().any(|open| open.name == partition.name),
            None => true,
        };
        let mut after = self.after();
        after.retain(|_, (partition, after)| *after > given || is_open(partition));
        after.values().map(|known| known.0.clone()).collect()
    }

    fn after(&self) -> MutexGuard<'_, HashMap<String, (Arc<Partition>, u64)>> {
        self.after.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Written").field(&self.after).finish()
    }
}

impl OpenPartitions for JournalOpen {
    fn list(&self) -> Vec<Arc<Partition>> {
        let mut open = Vec::new();
        for part in &self.parts {
            let given = part.given.load(Ordering::Acquire);
            open.extend(part.shared.written().open(given));
            // Of what an earlier run has left unread nobody knows whose it is.
            if given < part.left {
                open.push(part.partition.clone());
            }
        }
        open
    }
}

/// A number that reader and list share.
pub(super) type Sequence = Arc<AtomicU64>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenList;

    fn partition(name: &str) -> Arc<Partition> {
        Arc::new(Partition {
            source: "lines".to_owned(),
            name: name.to_owned(),
        })
    }

    #[test]
    fn one_that_was_closed_counts_until_its_last_record_is_given() {
        let (written, inner) = (Written::default(), OpenList::default());
        written.set_inner(Some(Arc::new(inner.clone())));
        inner.add(&partition("a"));
        written.appended(&partition("a"), 3);
        written.appended(&partition("b"), 5);
        inner.remove(&partition("a"));
        inner.add(&partition("b"));
        let mut open = written.open(2);
        open.sort_by(|one, other| one.name.cmp(&other.name));
        assert_eq!(open, [partition("a"), partition("b")]);
        assert_eq!(written.open(3), [partition("b")]);
        assert_eq!(written.open(5), [partition("b")], "it may give more");
        inner.set(None);
        assert_eq!(written.open(5), []);
        assert!(written.after().is_empty(), "it is forgotten");
    }

    #[test]
    fn where_nobody_knows_what_has_ended_all_count() {
        let written = Written::default();
        written.appended(&partition("a"), 3);
        assert_eq!(written.open(7), [partition("a")]);
    }
}
