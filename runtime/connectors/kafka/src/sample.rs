//! The latest records of a topic, for whoever wants to know what is in it.

use std::path::Path;
use std::time::Duration;

use azud_model::{Error, Result};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::client::{Cluster, Told};
use crate::error;
use crate::options::KafkaSourceOptions;
use crate::source::{Look, TopicPartition, Which};
use crate::stopwatch::Stopwatch;

/// How long records are waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Some of a topic's records.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// How many partitions there are.
    pub partitions: usize,
    /// The records, those of a partition in order.
    pub records: Vec<SampleRecord>,
}

/// A record.
#[derive(Clone, Debug)]
pub struct SampleRecord {
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value; a tombstone has none.
    pub value: Option<Vec<u8>>,
    /// Whether it has headers.
    pub has_headers: bool,
}

/// Reads about the `count` latest records of what these options of a source name. Blocks; commits
/// nothing.
///
/// # Errors
/// `Invalid` if the options are wrong or there is no such topic; `Unavailable` if no broker answers.
pub fn sample(options: Value, directory: &Path, count: usize) -> Result<Sample> {
    let options: KafkaSourceOptions = azud_connect::options(options)?;
    let which = Which::of(&options)?;
    let cluster = Cluster {
        servers: &options.servers,
        tls: options.tls.as_ref(),
        sasl: options.sasl.as_ref(),
        properties: &options.properties,
        directory,
        client_id: "azud-new".to_owned(),
    };
    let group = options.group.as_deref().unwrap_or("azud-new");
    let own = [
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
    ];
    let config = cluster.config(&own, &[])?;
    let look = Look::new(&config)?;
    let topics = look.topics(&which)?;
    let partitions: Vec<TopicPartition> = topics
        .into_iter()
        .flat_map(|(topic, numbers)| {
            let partition = move |number| TopicPartition {
                topic: topic.clone(),
                number,
            };
            numbers.into_iter().map(partition)
        })
        .collect();
    let share = i64::try_from(count.div_ceil(partitions.len().max(1))).unwrap_or(i64::MAX);
    let mut list = TopicPartitionList::new();
    let mut waiting = 0;
    for partition in &partitions {
        let (low, high) = look.bounds(partition)?;
        if low < high {
            let start = Offset::Offset(low.max(high.saturating_sub(share)));
            let added = list.add_partition_offset(&partition.topic, partition.number, start);
            added.map_err(|error| Error::internal("kafka: an offset").because(error))?;
            waiting += 1;
        }
    }
    let mut sample = Sample {
        partitions: partitions.len(),
        records: Vec::new(),
    };
    let consumer = BaseConsumer::from_config_and_context(&config, Told::default());
    let consumer: BaseConsumer<Told> = consumer.map_err(error::client)?;
    let failed = |error| error::of("cannot read the topic", error, consumer.context());
    consumer.assign(&list).map_err(failed)?;
    let started = Stopwatch::start();
    while waiting > 0 && sample.records.len() < count && started.elapsed() < PATIENCE {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(message)) => sample.records.push(SampleRecord {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                has_headers: message.headers().is_some(),
            }),
            Some(Err(KafkaError::PartitionEOF(_))) => waiting -= 1,
            Some(Err(error)) => return Err(failed(error)),
        }
    }
    Ok(sample)
}
