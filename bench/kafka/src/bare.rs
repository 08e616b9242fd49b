//! The bare loop: consume, look at the first byte, produce.

use std::time::{Duration, Instant};

use anyhow::Result;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::topics::{PARTITIONS, send};

/// Copies so many records; answers how long it took from the first one on.
pub(crate) fn copy(servers: &str, from: &str, to: &str, records: usize) -> Result<Duration> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "bench-bare")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "10")
        .create()?;
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("enable.idempotence", "true")
        .set("queue.buffering.max.messages", "500000")
        .set("delivery.report.only.error", "true")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(from, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut read = 0;
    let mut started = Instant::now();
    while read < records {
        let Some(message) = consumer.poll(Duration::from_secs(1)) else {
            continue;
        };
        let message = message?;
        if read == 0 {
            started = Instant::now();
        }
        read += 1;
        if let Some(value) = message.payload()
            && value.first().is_some_and(|first| *first < 200)
        {
            send(&producer, BaseRecord::to(to).payload(value))?;
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(started.elapsed())
}
