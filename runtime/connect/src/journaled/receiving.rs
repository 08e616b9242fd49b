//! What receives: journals, and the pumps that write them, whoever reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use azud_model::Error;
use tokio::task::JoinHandle;

use super::shared::Shared;

/// How many readers there are, and the journals that they share, by number.
pub(super) type Received = (usize, BTreeMap<usize, Arc<Shared>>);

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

    pub(super) fn received(&self) -> Received {
        (self.readers, self.journals.clone())
    }

    /// An error that a pump has ended with and no reader has told.
    pub(super) fn failure(&self) -> Option<Error> {
        let mut journals = self.journals.values();
        journals.find_map(|journal| journal.take_failure())
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
