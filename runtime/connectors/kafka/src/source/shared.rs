//! What a source's readers have in common.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use azud_model::{Error, Partition};
use rdkafka::ClientConfig;

use super::look::Look;
use super::place::TopicPartition;
use super::which::Which;
use crate::options::Start;

/// What a source's readers have in common.
pub(super) struct Shared {
    /// The source's name.
    pub(super) node: String,
    pub(super) which: Which,
    pub(super) start: Start,
    pub(super) fail_on_data_loss: bool,
    /// Whether it is read to its present end.
    pub(super) finite: bool,
    /// The columns beside the value that are asked for.
    pub(super) metadata: Vec<String>,
    pub(super) config: ClientConfig,
    pub(super) servers: String,
    pub(super) look: Look,
    /// Every partition once: rows share its name.
    pub(super) partitions: Mutex<HashMap<TopicPartition, Arc<Partition>>>,
    /// Why a member cannot go on, until it is told.
    pub(super) failure: Mutex<Option<Error>>,
}

// === impl Shared ===

impl Shared {
    /// Notes why a member cannot go on.
    pub(super) fn fail(&self, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
    }

    /// Why a member cannot go on, once.
    pub(super) fn failure(&self) -> Option<Error> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// The partition as the runtime knows it.
    pub(super) fn partition(&self, name: &TopicPartition) -> Arc<Partition> {
        let mut partitions = self
            .partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = partitions.entry(name.clone());
        let partition = known.or_insert_with(|| {
            Arc::new(Partition {
                source: self.node.clone(),
                name: name.name(),
            })
        });
        partition.clone()
    }
}
