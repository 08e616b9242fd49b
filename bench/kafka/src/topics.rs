//! Topics: made, filled, and looked at.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

/// How many partitions a topic has.
pub(crate) const PARTITIONS: i32 = 4;

const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a topic; what it had is gone. A name that was used a moment ago may not be led at once.
pub(crate) fn make(servers: &str, name: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    runtime.block_on(async {
        let removed = admin.delete_topics(&[name], &options).await?;
        if removed.iter().any(Result::is_ok) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let topic = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1));
        for made in admin.create_topics([&topic], &options).await? {
            made.map_err(|(topic, code)| anyhow::anyhow!("cannot make {topic}: {code}"))?;
        }
        Ok(())
    })
}

/// Deletes a topic.
pub(crate) fn remove(servers: &str, name: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    runtime.block_on(admin.delete_topics(&[name], &AdminOptions::new()))?;
    Ok(())
}

/// Fills a topic with records of so many bytes; answers how many of them a filter keeps.
pub(crate) fn fill(servers: &str, topic: &str, records: usize, bytes: usize) -> Result<usize> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("linger.ms", "50")
        .set("queue.buffering.max.messages", "1000000")
        .create()?;
    let mut kept = 0;
    let mut value = vec![b'x'; bytes.max(9)];
    for number in 0..records {
        let first = u8::try_from(number % 256)?;
        value.splice(
            ..9,
            [first].into_iter().chain((number as u64).to_le_bytes()),
        );
        kept += usize::from(first < 200);
        let partition = i32::try_from(number % 4)?;
        send(
            &producer,
            BaseRecord::<[u8], [u8]>::to(topic)
                .payload(&value)
                .partition(partition),
        )?;
    }
    producer.flush(PATIENCE)?;
    Ok(kept)
}

/// Sends, and waits while the queue is full.
pub(crate) fn send(
    producer: &ThreadedProducer<rdkafka::producer::DefaultProducerContext>,
    record: BaseRecord<'_, [u8], [u8]>,
) -> Result<()> {
    let mut record = record;
    while let Err((error, same)) = producer.send(record) {
        match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => {
                std::thread::sleep(Duration::from_millis(1));
                record = same;
            }
            other => return Err(other.into()),
        }
    }
    Ok(())
}

/// How many offsets of a topic readers of committed records can see.
pub(crate) struct Ends {
    consumer: BaseConsumer,
    topic: String,
}

impl Ends {
    pub(crate) fn new(servers: &str, topic: &str) -> Result<Self> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("group.id", "bench-ends")
            .set("isolation.level", "read_committed")
            .create()?;
        Ok(Self {
            consumer,
            topic: topic.to_owned(),
        })
    }

    pub(crate) fn visible(&self) -> Result<usize> {
        let mut all = 0;
        for partition in 0..PARTITIONS {
            let (low, high) = self
                .consumer
                .fetch_watermarks(&self.topic, partition, PATIENCE)?;
            all += high - low;
        }
        usize::try_from(all).context("offsets")
    }
}
