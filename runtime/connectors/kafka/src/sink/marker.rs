//! The epoch's marker: what of a run's output is there.
//!
//! It is an offset that a group of the sink's own commits, within the transaction that writes the
//! epoch's records: both are there or neither is. Its number is the epoch's, its metadata says
//! whose: `<run> <epoch>`. It is an offset of partition 0 of a topic that the sink writes to, since
//! brokers take offsets of topics that are there only.

use std::sync::Arc;
use std::time::Duration;

use azud_model::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::client::{Told, listen};
use crate::error;
use crate::source::whole;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) run: String,
    pub(super) epoch: u64,
}

/// Reads markers of a group.
pub(super) struct Markers {
    consumer: BaseConsumer<Told>,
    group: String,
    servers: String,
}

// === impl Marker ===

impl Marker {
    /// The marker as an offset of a topic.
    pub(super) fn offsets(&self, topic: &str) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        let number = i64::try_from(self.epoch).unwrap_or(i64::MAX);
        let mut offset = list.add_partition(topic, 0);
        offset.set_metadata(format!("{} {}", self.run, self.epoch));
        let set = offset.set_offset(Offset::Offset(number));
        set.map_err(|error| Error::internal("kafka: an offset").because(error))?;
        Ok(list)
    }

    fn parse(text: &str) -> Option<Self> {
        let (run, epoch) = text.split_once(' ')?;
        Some(Self {
            run: run.to_owned(),
            epoch: epoch.parse().ok()?,
        })
    }
}

// === impl Markers ===

impl Markers {
    /// `settled`: whether an offset of a transaction that has not ended is waited for; without,
    /// the one before it is read.
    pub(super) fn new(config: &ClientConfig, group: &str, settled: bool) -> Result<Self> {
        let mut config = config.clone();
        config.set("group.id", group);
        let level = if settled {
            "read_committed"
        } else {
            "read_uncommitted"
        };
        config.set("isolation.level", level);
        config.set("enable.auto.commit", "false");
        let made = BaseConsumer::from_config_and_context(&config, Told::default());
        Ok(Self {
            consumer: made.map_err(error::client)?,
            group: group.to_owned(),
            servers: config
                .get("bootstrap.servers")
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// What the group's offsets are committed as.
    pub(super) fn group(&self) -> Result<Arc<ConsumerGroupMetadata>> {
        let metadata = self.consumer.group_metadata().map(Arc::new);
        metadata.ok_or_else(|| Error::internal("kafka: no metadata of a group"))
    }

    /// The latest marker, if there is one. With a topic only there; rows that name their topics
    /// themselves may have left it with any.
    pub(super) fn read(&self, topic: Option<&str>) -> Result<Option<Marker>> {
        let failed = |error| {
            listen(&self.consumer);
            let (group, servers) = (&self.group, &self.servers);
            let what = format!("cannot read what group `{group}` has committed at {servers}");
            error::of(what, error, self.consumer.context())
        };
        let mut asked = TopicPartitionList::new();
        match topic {
            Some(topic) => drop(asked.add_partition(topic, 0)),
            None => {
                let all = self
                    .consumer
                    .fetch_metadata(None, PATIENCE)
                    .map_err(failed)?;
                for topic in all
                    .topics()
                    .iter()
                    .filter(|one| !one.name().starts_with("__"))
                {
                    asked.add_partition(topic.name(), 0);
                }
            }
        }
        if asked.count() == 0 {
            return Ok(None);
        }
        let found = self.consumer.committed_offsets(asked, PATIENCE);
        let found = found.and_then(whole).map_err(failed)?;
        let elements = found.elements();
        let markers = elements
            .iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(_) => Marker::parse(element.metadata()),
                _ => None,
            });
        Ok(markers.max_by_key(|marker| marker.epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_back_as_it_was_written() {
        let marker = Marker {
            run: "4f2a".to_owned(),
            epoch: 17,
        };
        let list = marker.offsets("orders").unwrap();
        let elements = list.elements();
        assert_eq!(elements[0].offset(), Offset::Offset(17));
        assert_eq!(Marker::parse(elements[0].metadata()), Some(marker));
        assert_eq!(Marker::parse("something else"), None);
        assert_eq!(Marker::parse(""), None);
    }
}
