//! Which partitions of a source may give more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_model::Partition;

/// Tells which partitions of a reader may give more: those that have begun, or have records
/// waiting, and have not ended (a file that is read to its end and a connection that was closed
/// have). Asked a few times a second, also while the reader waits for records: so it is told apart
/// from the reader, and answers at once.
pub trait OpenPartitions: Send + Sync {
    /// These.
    fn list(&self) -> Vec<Arc<Partition>>;
}

/// A list that the reader keeps.
#[derive(Clone, Debug, Default)]
pub struct OpenList(Arc<Mutex<Vec<Arc<Partition>>>>);

// === impl OpenList ===

impl OpenList {
    /// One more, or one that is there already.
    pub fn add(&self, partition: &Arc<Partition>) {
        let mut list = self.lock();
        if !list.iter().any(|known| known == partition) {
            list.push(partition.clone());
        }
    }

    /// It has ended.
    pub fn remove(&self, partition: &Partition) {
        self.lock().retain(|known| **known != *partition);
    }

    /// Only this one, or none.
    pub fn set(&self, partition: Option<Arc<Partition>>) {
        *self.lock() = partition.into_iter().collect();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Partition>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenPartitions for OpenList {
    fn list(&self) -> Vec<Arc<Partition>> {
        self.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_until_it_has_ended() {
        let partition = |name: &str| {
            Arc::new(Partition {
                source: "in".to_owned(),
                name: name.to_owned(),
            })
        };
        let list = OpenList::default();
        for name in ["a", "b", "a"] {
            list.add(&partition(name));
        }
        assert_eq!(list.list(), [partition("a"), partition("b")]);
        list.remove(&partition("a"));
        assert_eq!(list.list(), [partition("b")]);
        list.set(None);
        assert!(list.list().is_empty());
    }
}
