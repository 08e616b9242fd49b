//! What receives: journals, and the pumps that write them, whoever reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::shared::Shared;

/// Receives until it is dropped.
pub(super) struct Receiving {
    readers: usize,
    /// By number; those from `readers` on are of earlier runs, and nothing comes to them.
    journals: BTreeMap<usize, Arc<Shared>>,
    pumps: Vec<JoinHandle<()>>,
}

// === impl Receiving ===

impl Receiving {
    pub(super) fn new(readers: usize) -> Self {
        Self {
            readers,
            journals: BTreeMap::new(),
            pumps: Vec::new(),
        }
    }

    /// How many readers its source has.
    pub(super) fn readers(&self) -> usize {
        self.readers
    }

    pub(super) fn add(&mut self, number: usize, journal: Shared) {
        if number >= self.readers {
            journal.end(None);
        }
        self.journals.insert(number, Arc::new(journal));
    }

    pub(super) fn pump(&mut self, pump: JoinHandle<()>) {
        self.pumps.push(pump);
    }

    pub(super) fn journal(&self, number: usize) -> Option<Arc<Shared>> {
        self.journals.get(&number).cloned()
    }

    pub(super) fn journals(&self) -> &BTreeMap<usize, Arc<Shared>> {
        &self.journals
    }

    /// Whether a pump has ended with an error.
    pub(super) fn has_failed(&self) -> bool {
        self.journals.values().any(|journal| journal.has_failed())
    }
}

impl Drop for Receiving {
    /// When it returns, nothing is written any more, so that the journals can be opened again.
    fn drop(&mut self) {
        for pump in &self.pumps {
            pump.abort();
        }
        for journal in self.journals.values() {
            journal.close();
        }
    }
}
