//! Looks for topics and partitions that are new, and for those that are not what they were.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use azud_model::{Error, Result};

use super::begin::{Begin, Beginning};
use super::look::Topics;
use super::reader::Finds;
use super::shared::Shared;
use super::which::Which;

/// What is known of the topics.
pub(super) struct Watch {
    pub(super) shared: Arc<Shared>,
    pub(super) every: Duration,
    /// One a reader.
    pub(super) readers: Vec<Finds>,
    pub(super) topics: Topics,
    pub(super) ids: HashMap<String, String>,
    /// How many partitions each reader has.
    pub(super) loads: Vec<usize>,
}

/// What has changed.
#[derive(Debug, Default)]
struct Changes {
    found: Vec<Begin>,
    topics: Topics,
    ids: HashMap<String, String>,
}

// === impl Watch ===

impl Watch {
    pub(super) async fn run(mut self) {
        loop {
            tokio::time::sleep(self.every).await;
            let shared = self.shared.clone();
            let (topics, ids) = (self.topics.clone(), self.ids.clone());
            let looked = tokio::task::spawn_blocking(move || changes(&shared, &topics, &ids)).await;
            let changes = match looked {
                Ok(Ok(changes)) => changes,
                // The brokers are away, or somebody may not look any more: readers find out.
                Ok(Err(error)) if error.kind() == azud_model::ErrorKind::Unavailable => {
                    tracing::debug!("source `{}`: {error}", self.shared.node);
                    continue;
                }
                Ok(Err(error)) => {
                    if let Some(first) = self.readers.first() {
                        let _ = first.given.send(Err(error)).await;
                    }
                    return;
                }
                Err(_) => return,
            };
            self.topics = changes.topics;
            self.ids.extend(changes.ids);
            if !self.tell(changes.found).await {
                return;
            }
        }
    }

    /// New partitions go to the reader that has the fewest.
    async fn tell(&mut self, found: Vec<Begin>) -> bool {
        let mut by_reader: BTreeMap<usize, Vec<Begin>> = BTreeMap::new();
        for begin in found {
            let least = (0..).zip(&self.loads).min_by_key(|(_, load)| **load);
            let reader = least.map_or(0, |(reader, _)| reader);
            if let Some(load) = self.loads.get_mut(reader) {
                *load += 1;
            }
            tracing::info!(
                "source `{}` reads `{}`, which is new, too",
                self.shared.node,
                begin.partition.name()
            );
            by_reader.entry(reader).or_default().push(begin);
        }
        for (reader, begins) in by_reader {
            let Some(finds) = self.readers.get(reader) else {
                return false;
            };
            if !finds.tell(begins).await {
                return false;
            }
        }
        true
    }
}

/// Looks, and compares with what was there. Blocks.
fn changes(shared: &Shared, topics: &Topics, ids: &HashMap<String, String>) -> Result<Changes> {
    let now = shared.look.topics_left(&shared.which)?;
    let beginning = Beginning {
        look: &shared.look,
        which: &shared.which,
        start: &shared.start,
        fail_on_data_loss: shared.fail_on_data_loss,
        node: &shared.node,
    };
    for gone in topics.keys().filter(|topic| !now.contains_key(*topic)) {
        beginning.lost(format!("topic `{gone}` was deleted while it was read"))?;
    }
    let ids_now = shared.look.ids(&now);
    for (topic, id) in &ids_now {
        if ids.get(topic).is_some_and(|before| before != id) {
            // Without a restart librdkafka would go on at an offset of the old one.
            return Err(Error::aborted(format!(
                "topic `{topic}` was deleted and made again while it was read"
            )));
        }
    }
    let new: Topics = now
        .iter()
        .filter_map(|(topic, numbers)| {
            let known = topics.get(topic);
            let is_new = |number: &&i32| !known.is_some_and(|known| known.contains(number));
            let new: Vec<i32> = numbers.iter().filter(is_new).copied().collect();
            (!new.is_empty()).then(|| (topic.clone(), new))
        })
        .collect();
    let found = match new.is_empty() || matches!(shared.which, Which::Partitions(_)) {
        true => Vec::new(),
        false => beginning.found(&new)?,
    };
    Ok(Changes {
        found,
        topics: now,
        ids: ids_now,
    })
}
