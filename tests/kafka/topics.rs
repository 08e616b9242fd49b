//! Topics, as another program than Azud makes, fills and reads them.

use std::collections::BTreeMap;
use std::ptr;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::bindings as native;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::brokers::Brokers;

/// No answer takes longer, however busy the machine.
const LONGEST: Duration = Duration::from_secs(60);

/// A cluster's topics.
pub(crate) struct Topics {
    config: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
}

/// A record to write. Without a partition its key says where it goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Give<'a> {
    pub(crate) partition: i32,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
    pub(crate) millis: Option<i64>,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) headers: Option<Vec<(String, Option<String>)>>,
}

/// A producer, for those who do more than to write a few records.
pub(crate) type Sender = ThreadedProducer<DefaultProducerContext>;

// === impl Topics ===

impl Topics {
    /// Those of the broker that most tests share.
    pub(crate) fn shared() -> Option<Self> {
        Some(Self::at(Brokers::shared()?.servers()))
    }

    pub(crate) fn at(servers: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers);
        // A broker that comes back is to be found soon.
        config.set("reconnect.backoff.max.ms", "500");
        config.set("topic.metadata.refresh.interval.ms", "2000");
        // To look at a topic is not to make it.
        config.set("allow.auto.create.topics", "false");
        let admin = config.create().unwrap();
        Self { config, admin }
    }

    pub(crate) fn servers(&self) -> &str {
        self.config.get("bootstrap.servers").unwrap()
    }

    pub(crate) fn make(&self, name: &str, partitions: i32) {
        self.make_with(name, partitions, &[]);
    }

    /// With settings of its own; returns once every broker that answers knows it.
    pub(crate) fn make_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
        // What tests write may be of any time.
        for (key, value) in [("retention.ms", "-1")].iter().chain(settings) {
            topic = topic.set(key, value);
        }
        let made = wait_for(self.admin.create_topics([&topic], &AdminOptions::new()));
        made.unwrap().remove(0).unwrap();
        self.until_partitions(name, partitions);
    }

    pub(crate) fn grow(&self, name: &str, partitions: i32) {
        let count = usize::try_from(partitions).unwrap();
        let new = [NewPartitions::new(name, count)];
        let grown = wait_for(self.admin.create_partitions(&new, &AdminOptions::new()));
        grown.unwrap().remove(0).unwrap();
        self.until_partitions(name, partitions);
    }

    pub(crate) fn delete(&self, name: &str) {
        let deleted = wait_for(self.admin.delete_topics(&[name], &AdminOptions::new()));
        deleted.unwrap().remove(0).unwrap();
        self.until_partitions(name, 0);
    }

    /// Deletes the records before that offset, as retention does.
    pub(crate) fn expire(&self, name: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        let before = Offset::Offset(before);
        list.add_partition_offset(name, partition, before).unwrap();
        wait_for(self.admin.delete_records(&list, &AdminOptions::new())).unwrap();
    }

    fn until_partitions(&self, name: &str, partitions: i32) {
        let started = Instant::now();
        loop {
            let metadata = self.admin.inner().fetch_metadata(Some(name), LONGEST);
            let known = metadata.map_or(-1, |metadata| {
                let topic = &metadata.topics()[0];
                let led = topic.partitions().iter().filter(|one| one.leader() >= 0);
                i32::try_from(led.count()).unwrap()
            });
            if known == partitions {
                return;
            }
            let so_far = started.elapsed();
            assert!(so_far < LONGEST, "`{name}` has {known} partitions");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The broker that leads a partition.
    pub(crate) fn leader(&self, name: &str, partition: usize) -> i32 {
        let metadata = self.admin.inner().fetch_metadata(Some(name), LONGEST);
        metadata.unwrap().topics()[0].partitions()[partition].leader()
    }

    /// The broker that coordinates a transactional id or a group, which has a partition of that
    /// topic: by Java's hash of its name.
    pub(crate) fn coordinator(&self, topic: &str, name: &str) -> i32 {
        let hash = name.encode_utf16().fold(0_i32, |hash, letter| {
            hash.wrapping_mul(31).wrapping_add(i32::from(letter))
        });
        let count = self.partitions(topic).len();
        let partition = usize::try_from(hash & i32::MAX).unwrap() % count;
        self.leader(topic, partition)
    }

    /// A producer with those properties.
    pub(crate) fn sender(&self, properties: &[(&str, &str)]) -> Sender {
        let mut config = self.config.clone();
        config.set("linger.ms", "1");
        // Of a topic that it does not know yet records may come in another order otherwise.
        config.set("enable.idempotence", "true");
        for (key, value) in properties {
            config.set(*key, *value);
        }
        config.create().unwrap()
    }

    pub(crate) fn give(&self, topic: &str, records: &[Give<'_>]) {
        let sender = self.sender(&[]);
        records.iter().for_each(|one| send(&sender, topic, one));
        sender.flush(LONGEST).unwrap();
    }

    /// Values in one partition.
    pub(crate) fn give_values<T: AsRef<[u8]>>(&self, topic: &str, partition: i32, values: &[T]) {
        let records: Vec<_> = values
            .iter()
            .map(|value| Give {
                partition,
                value: Some(value.as_ref()),
                ..Give::default()
            })
            .collect();
        self.give(topic, &records);
    }

    /// The same in partition 0, by a producer with those properties.
    pub(crate) fn give_with(&self, topic: &str, values: &[String], properties: &[(&str, &str)]) {
        let sender = self.sender(properties);
        for value in values {
            let value = Some(value.as_bytes());
            send(
                &sender,
                topic,
                &Give {
                    value,
                    ..Give::default()
                },
            );
        }
        sender.flush(LONGEST).unwrap();
    }

    /// One transaction with those values, committed or aborted.
    pub(crate) fn transact(&self, topic: &str, partition: i32, values: &[&str], commit: bool) {
        let id = format!("test-{topic}");
        let sender = self.sender(&[("transactional.id", &id)]);
        sender.init_transactions(LONGEST).unwrap();
        sender.begin_transaction().unwrap();
        for value in values {
            let value = Some(value.as_bytes());
            let record = Give {
                partition,
                value,
                ..Give::default()
            };
            send(&sender, topic, &record);
        }
        sender.flush(LONGEST).unwrap();
        match commit {
            true => sender.commit_transaction(LONGEST).unwrap(),
            false => sender.abort_transaction(LONGEST).unwrap(),
        }
    }

    pub(crate) fn consumer(&self, properties: &[(&str, &str)]) -> BaseConsumer {
        let mut config = self.config.clone();
        config.set("group.id", "test");
        config.set("enable.auto.commit", "false");
        config.set("enable.partition.eof", "true");
        config.set("isolation.level", "read_committed");
        config.set("fetch.wait.max.ms", "50");
        for (key, value) in properties {
            config.set(*key, *value);
        }
        config.create().unwrap()
    }

    /// All records of a topic that a careful reader sees now, partition by partition.
    pub(crate) fn read(&self, topic: &str) -> Vec<Seen> {
        self.read_as(topic, seen)
    }

    /// The same, as something else.
    pub(crate) fn read_as<T>(&self, topic: &str, of: impl Fn(&BorrowedMessage<'_>) -> T) -> Vec<T> {
        let consumer = self.consumer(&[]);
        let mut partitions: BTreeMap<i32, Vec<T>> = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            let from = Offset::Beginning;
            list.add_partition_offset(topic, partition, from).unwrap();
        }
        let (all, mut ended) = (list.count(), 0);
        consumer.assign(&list).unwrap();
        let started = Instant::now();
        while ended < all {
            assert!(started.elapsed() < LONGEST, "`{topic}` cannot be read");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    let records = partitions.entry(message.partition()).or_default();
                    records.push(of(&message));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
                // Brokers may be away for a while.
                Some(Err(_)) | None => {}
            }
        }
        partitions.into_values().flatten().collect()
    }

    /// The values of a topic, partition by partition.
    pub(crate) fn values(&self, topic: &str) -> Vec<String> {
        self.read_as(topic, |message| text(message.payload()).unwrap_or_default())
    }

    pub(crate) fn partitions(&self, topic: &str) -> Vec<i32> {
        let started = Instant::now();
        let metadata = loop {
            match self.admin.inner().fetch_metadata(Some(topic), LONGEST) {
                Ok(metadata) => break metadata,
                // A broker that is being started breaks connections, and they are made again.
                Err(error) => assert!(started.elapsed() < LONGEST, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let partitions = metadata.topics()[0].partitions().iter();
        partitions.map(|one| one.id()).collect()
    }

    /// What a group has committed, by partition.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> Vec<Option<i64>> {
        let consumer = self.consumer(&[("group.id", group)]);
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            list.add_partition(topic, partition);
        }
        let found = consumer.committed_offsets(list, LONGEST).unwrap();
        let offsets = found
            .elements()
            .into_iter()
            .map(|element| match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            });
        offsets.collect()
    }

    pub(crate) fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        let consumer = self.consumer(&[("group.id", group)]);
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(offset);
        list.add_partition_offset(topic, partition, offset).unwrap();
        consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// Its first offset, and the one after its last; `None` where no broker tells soon.
    pub(crate) fn try_bounds(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        let client = self.admin.inner();
        let bounds = client.fetch_watermarks(topic, partition, Duration::from_millis(500));
        bounds.ok()
    }
}

/// Hands a record to a producer; waits while its queue is full.
pub(crate) fn send(sender: &Sender, topic: &str, give: &Give<'_>) {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(give.partition);
    record.key = give.key;
    record.payload = give.value;
    record.timestamp = give.millis;
    if !give.headers.is_empty() {
        record.headers = Some(headers(&give.headers));
    }
    while let Err((error, same)) = sender.send(record) {
        assert!(
            error.to_string().contains("Queue full"),
            "`{topic}`: {error}"
        );
        record = same;
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[expect(unsafe_code, reason = "the crate takes names that are UTF-8 only")]
fn headers(pairs: &[(&[u8], Option<&[u8]>)]) -> OwnedHeaders {
    let owned = OwnedHeaders::new();
    for (name, value) in pairs {
        let all: *const native::rd_kafka_headers_t = ptr::from_ref(owned.as_borrowed()).cast();
        let start = value.map_or(ptr::null(), |value| value.as_ptr());
        let sizes = [name.len(), value.map_or(0, <[u8]>::len)].map(|size| size as isize);
        // SAFETY: a borrowed view is a cast of the native pointer; name and value are copied.
        unsafe {
            native::rd_kafka_header_add(
                all.cast_mut(),
                name.as_ptr().cast(),
                sizes[0],
                start.cast(),
                sizes[1],
            );
        }
    }
    owned
}

fn seen(message: &BorrowedMessage<'_>) -> Seen {
    let headers = message.headers().map(|headers| {
        let pairs = headers.iter();
        pairs
            .map(|header| (header.key.to_owned(), text(header.value)))
            .collect()
    });
    Seen {
        partition: message.partition(),
        offset: message.offset(),
        key: text(message.key()),
        value: text(message.payload()),
        headers,
    }
}

fn text(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Waits for what does not block, wherever the test runs.
fn wait_for<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(work)
        });
        waits.join().unwrap()
    })
}
