//! What a source asks of the brokers beside records: which partitions there are, and where they
//! begin and end. Every call blocks, up to [`PATIENCE`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use azud_model::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::place::{Place, TopicPartition};
use super::which::Which;
use crate::client::{Told, listen};
use crate::error;
use crate::native;

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A consumer that reads nothing.
pub(crate) struct Look {
    consumer: BaseConsumer<Told>,
    told: Arc<Told>,
    servers: String,
}

/// The topics of a source, and the numbers of their partitions.
pub(crate) type Topics = BTreeMap<String, Vec<i32>>;

// === impl Look ===

impl Look {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self> {
        let servers = config.get("bootstrap.servers").unwrap_or_default();
        let consumer = BaseConsumer::from_config_and_context(config, Told::default());
        let consumer: BaseConsumer<Told> = consumer.map_err(error::client)?;
        Ok(Self {
            servers: servers.to_owned(),
            told: consumer.context().clone(),
            consumer,
        })
    }

    fn failed(&self, what: &str, error: KafkaError) -> Error {
        listen(&self.consumer);
        error::of(format!("{what} at {}", self.servers), error, &self.told)
    }

    /// The partitions that `which` says, of those topics that are there.
    ///
    /// # Errors
    /// `Invalid` where a topic that is named is not there, or may not be read.
    pub(crate) fn topics(&self, which: &Which) -> Result<Topics> {
        self.find(which, true)
    }

    /// The same without those that are named and not there.
    pub(crate) fn topics_left(&self, which: &Which) -> Result<Topics> {
        self.find(which, false)
    }

    fn find(&self, which: &Which, all: bool) -> Result<Topics> {
        let mut found = Topics::new();
        match which {
            Which::Pattern(pattern) => {
                let all = self.consumer.fetch_metadata(None, PATIENCE);
                let all = all.map_err(|error| self.failed("cannot list topics", error))?;
                let matches = all.topics().iter().filter(|topic| {
                    // Brokers have topics of their own: `__consumer_offsets`.
                    !topic.name().starts_with("__") && pattern.is_match(topic.name())
                });
                for topic in matches {
                    let numbers = topic.partitions().iter().map(|partition| partition.id());
                    found.insert(topic.name().to_owned(), numbers.collect());
                }
            }
            Which::Topics(names) => {
                for name in names {
                    match self.partitions(name)? {
                        Some(numbers) => drop(found.insert(name.clone(), numbers)),
                        None if all => return Err(self.unknown(name)),
                        None => {}
                    }
                }
            }
            Which::Partitions(partitions) => {
                for (name, numbers) in partitions {
                    let known = match self.partitions(name)? {
                        Some(known) => known,
                        None if all => return Err(self.unknown(name)),
                        None => continue,
                    };
                    if let Some(unknown) = numbers.iter().find(|number| !known.contains(number)) {
                        return Err(Error::invalid(format!(
                            "topic `{name}` has {} partitions and none with number {unknown}",
                            known.len()
                        )));
                    }
                    found.insert(name.clone(), numbers.clone());
                }
            }
        }
        Ok(found)
    }

    /// The numbers of a topic's partitions; `None` where there is no such topic.
    fn partitions(&self, topic: &str) -> Result<Option<Vec<i32>>> {
        let asked = format!("cannot look at topic `{topic}`");
        let metadata = self.consumer.fetch_metadata(Some(topic), PATIENCE);
        let metadata = metadata.map_err(|error| self.failed(&asked, error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let Some(found) = found else {
            return Ok(None);
        };
        match found.error() {
            None => {}
            Some(
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                | RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            ) => return Ok(None),
            Some(error) => {
                let error = KafkaError::MetadataFetch(error.into());
                return Err(self.failed(&asked, error));
            }
        }
        Ok(Some(
            found.partitions().iter().map(|one| one.id()).collect(),
        ))
    }

    fn unknown(&self, topic: &str) -> Error {
        Error::invalid(format!(
            "there is no topic `{topic}` at {}: make it first",
            self.servers
        ))
    }

    /// The ids of topics; of none where brokers do not tell.
    pub(crate) fn ids(&self, topics: &Topics) -> HashMap<String, String> {
        let names: Vec<&str> = topics.keys().map(String::as_str).collect();
        if names.is_empty() {
            return HashMap::new();
        }
        native::topic_ids(self.consumer.client(), &names, PATIENCE).unwrap_or_default()
    }

    /// The offset of the first record that is there, and that after the last one that may be read.
    pub(crate) fn bounds(&self, partition: &TopicPartition) -> Result<(i64, i64)> {
        let bounds = self
            .consumer
            .fetch_watermarks(&partition.topic, partition.number, PATIENCE);
        bounds.map_err(|error| {
            let asked = format!("cannot look where `{}` begins and ends", partition.name());
            // It was listed a moment ago: it is so new, or so old, that not all know of it.
            let is_unsettled = matches!(
                error.rdkafka_error_code(),
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition)
            );
            let error = self.failed(&asked, error);
            match is_unsettled {
                true => Error::unavailable(error.to_string()),
                false => error,
            }
        })
    }

    /// The first offset of each partition with a time that is not before that one, where there is one.
    pub(crate) fn at_time(
        &self,
        partitions: &[TopicPartition],
        millis: i64,
    ) -> Result<HashMap<TopicPartition, i64>> {
        let asked = list(partitions, Offset::Offset(millis))?;
        let found = self.consumer.offsets_for_times(asked, PATIENCE);
        let found = found.and_then(whole);
        let found =
            found.map_err(|error| self.failed("cannot find the offsets of a time", error))?;
        Ok(offsets(&found))
    }

    /// The offsets that are committed to the group, where there are any.
    pub(crate) fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, i64>> {
        let asked = list(partitions, Offset::Invalid)?;
        let found = self.consumer.committed_offsets(asked, PATIENCE);
        let found = found.and_then(whole);
        let found = found.map_err(|error| self.failed("cannot read the group's offsets", error))?;
        Ok(offsets(&found))
    }

    /// The same, with the topic's id where it was committed with them: of a group whose members
    /// share partitions.
    pub(crate) fn recorded(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, Place>> {
        let asked = list(partitions, Offset::Invalid)?;
        let found = self.consumer.committed_offsets(asked, PATIENCE);
        let found = found.and_then(whole);
        let found = found.map_err(|error| self.failed("cannot read the group's offsets", error))?;
        let elements = found.elements();
        let known = elements.iter().filter_map(|element| {
            let Offset::Offset(offset) = element.offset() else {
                return None;
            };
            let id = element.metadata();
            let place = Place {
                offset,
                topic_id: (!id.is_empty()).then(|| id.to_owned()),
            };
            let partition = TopicPartition {
                topic: element.topic().to_owned(),
                number: element.partition(),
            };
            Some((partition, place))
        });
        Ok(known.collect())
    }

    /// Commits offsets to the group.
    pub(crate) fn commit(&self, offsets: &[(TopicPartition, i64)]) -> Result<()> {
        let mut all = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            let (topic, number) = (&partition.topic, partition.number);
            let added = all.add_partition_offset(topic, number, Offset::Offset(*offset));
            added.map_err(|error| Error::internal("kafka: an offset").because(error))?;
        }
        match self.consumer.commit(&all, CommitMode::Sync) {
            Err(error) if error.rdkafka_error_code() != Some(Code::NoOffset) => {
                Err(self.failed("cannot commit offsets to the group", error))
            }
            _ => Ok(()),
        }
    }
}

/// An answer of which every part is one. An offset that could not be told looks as one that there
/// is not; of a group it may be in a transaction that is still under way.
pub(crate) fn whole(answer: TopicPartitionList) -> Result<TopicPartitionList, KafkaError> {
    let failed = answer.elements().iter().find_map(|one| one.error().err());
    failed.map_or(Ok(answer), Err)
}

pub(super) fn list(partitions: &[TopicPartition], offset: Offset) -> Result<TopicPartitionList> {
    let mut all = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        let added = all.add_partition_offset(&partition.topic, partition.number, offset);
        added.map_err(|error| Error::internal("kafka: an offset").because(error))?;
    }
    Ok(all)
}

/// Those that are offsets.
fn offsets(list: &TopicPartitionList) -> HashMap<TopicPartition, i64> {
    let elements = list.elements();
    let known = elements
        .iter()
        .filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((
                TopicPartition {
                    topic: element.topic().to_owned(),
                    number: element.partition(),
                },
                offset,
            )),
            _ => None,
        });
    known.collect()
}
