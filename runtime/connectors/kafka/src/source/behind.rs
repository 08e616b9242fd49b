//! How far a reader is behind the ends of its partitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azud_connect::Lag;
use azud_model::Partition;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use super::place::TopicPartition;
use crate::native;

/// What a reader has given, beside what its consumer knows of ends: from the last answer of a broker
/// to a fetch, so that looking asks nobody. Where a lane takes nothing for long, nothing is fetched,
/// and the end is that of then.
#[derive(Clone, Default)]
pub(super) struct Behind(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By name, where each partition goes on.
    next: BTreeMap<String, Next>,
    /// `None` while there is no consumer.
    known_end: Option<KnownEnd>,
}

struct Next {
    partition: Arc<Partition>,
    name: TopicPartition,
    offset: i64,
}

type KnownEnd = Box<dyn Fn(&TopicPartition) -> Option<i64> + Send>;

/// Lets a consumer be asked for as long as it lives: no longer than the consumer may.
pub(super) struct Asks(Behind);

// === impl Behind ===

impl Behind {
    /// A consumer that fetches, until the answer is dropped: whoever looks must not be the last to
    /// have it, because closing one takes its time.
    pub(super) fn asks<C>(&self, consumer: &Arc<BaseConsumer<C>>) -> Asks
    where
        C: ClientContext + ConsumerContext + 'static,
    {
        let consumer = consumer.clone();
        self.lock().known_end = Some(Box::new(move |name| {
            native::known_end(consumer.client(), &name.topic, name.number)
        }));
        Asks(self.clone())
    }

    /// A partition begins, or begins anew, at an offset.
    pub(super) fn begins(&self, partition: &Arc<Partition>, name: &TopicPartition, offset: i64) {
        let next = Next {
            partition: partition.clone(),
            name: name.clone(),
            offset,
        };
        self.lock().next.insert(partition.name.clone(), next);
    }

    /// All before an offset is given.
    pub(super) fn gave(&self, partition: &str, offset: i64) {
        if let Some(next) = self.lock().next.get_mut(partition) {
            next.offset = offset;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lag for Behind {
    fn list(&self) -> Vec<(Arc<Partition>, u64)> {
        let state = self.lock();
        let Some(known_end) = &state.known_end else {
            return Vec::new();
        };
        let partitions = state.next.values().filter_map(|next| {
            let end = known_end(&next.name)?;
            let behind = end.saturating_sub(next.offset);
            Some((next.partition.clone(), u64::try_from(behind).unwrap_or(0)))
        });
        partitions.collect()
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        self.0.lock().known_end = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

    use super::*;

    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn it_is_the_end_less_what_was_given() {
        let behind = Behind::default();
        let name = |number| TopicPartition {
            topic: "t".to_owned(),
            number,
        };
        let partition = |number: i32| {
            Arc::new(Partition {
                source: "in".to_owned(),
                name: name(number).name(),
            })
        };
        for number in 0..3 {
            behind.begins(&partition(number), &name(number), 5);
        }
        assert!(behind.list().is_empty(), "nobody knows an end");
        // The last one has given what came since the end was known; of one nothing is known.
        behind.lock().known_end = Some(Box::new(|name| match name.number {
            0 => Some(12),
            1 => None,
            _ => Some(4),
        }));
        behind.gave(&partition(0).name, 9);
        assert_eq!(behind.list(), [(partition(0), 3), (partition(2), 0)]);
        drop(Asks(behind.clone()));
        assert!(behind.list().is_empty());
    }

    #[test]
    fn a_consumer_knows_the_end_of_what_it_has_fetched() {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic("t", 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", mock.bootstrap_servers());
        let producer: BaseProducer = config.create().unwrap();
        for _ in 0..5 {
            let record = BaseRecord::<(), str>::to("t").partition(0).payload("x");
            producer.send(record).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        let consumer: BaseConsumer = config.set("group.id", "reader").create().unwrap();
        let consumer = Arc::new(consumer);
        let mut all = TopicPartitionList::new();
        all.add_partition_offset("t", 0, Offset::Beginning).unwrap();
        consumer.assign(&all).unwrap();

        let behind = Behind::default();
        let name = TopicPartition {
            topic: "t".to_owned(),
            number: 0,
        };
        let partition = Arc::new(Partition {
            source: "in".to_owned(),
            name: name.name(),
        });
        behind.begins(&partition, &name, 0);
        let asks = behind.asks(&consumer);
        for given in 1..=5 {
            consumer.poll(PATIENCE).unwrap().unwrap();
            behind.gave(&partition.name, given);
            let left = u64::try_from(5 - given).unwrap();
            assert_eq!(behind.list(), [(partition.clone(), left)]);
        }
        drop(asks);
        assert_eq!(Arc::strong_count(&consumer), 1, "nobody holds it open");
    }
}
