//! Partitions that are not fetched for a while: what was fetched of them has no room in the epoch.

use std::collections::HashSet;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::limit::Limit;
use super::place::TopicPartition;

/// Which partitions of a consumer were paused.
#[derive(Debug, Default)]
pub(super) struct Pauses(HashSet<TopicPartition>);

// === impl Pauses ===

impl Pauses {
    /// Pauses and resumes as `limit` asks for.
    ///
    /// What librdkafka has fetched of a paused partition is fetched again: `limit` asks seldom.
    pub(super) fn apply<C: ConsumerContext>(&mut self, consumer: &BaseConsumer<C>, limit: &Limit) {
        let wanted: HashSet<_> = limit.paused().into_iter().collect();
        if wanted == self.0 {
            return;
        }
        // Of partitions that were taken away it cannot be said: whoever gets them again resumes them.
        let _ = consumer.pause(&list(wanted.difference(&self.0)));
        let _ = consumer.resume(&list(self.0.difference(&wanted)));
        self.0 = wanted;
    }

    /// None is paused any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

fn list<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.number);
    }
    list
}
