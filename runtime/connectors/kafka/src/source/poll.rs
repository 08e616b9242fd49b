//! The thread of a reader: asks librdkafka for messages, and hands chunks of them on.
//!
//! A thread, because librdkafka is asked by calls that block; it waits where the reader is not
//! asked, and librdkafka then fetches no more than its queue may hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use azud_connect::{OpenList, Records};
use azud_model::{Error, ErrorKind, Partition, Result};
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc::Sender;

use super::begin::{Begin, Beginning};
use super::behind::{Asks, Behind};
use super::chunk::Chunk;
use super::columns::Columns;
use super::limit::Limit;
use super::pauses::Pauses;
use super::place::TopicPartition;
use super::shared::Shared;
use crate::client::Told;
use crate::{error, native};

/// How long it waits for a message before it looks whether anything else is to be done.
const IDLE: Duration = Duration::from_millis(100);

/// So many bytes are collected before they are handed on, of all partitions together.
const GATHERED: usize = 1 << 20;

/// What a thread hands on; `None` once there will never be another record.
pub(super) type Given = Result<Option<Records>>;

/// Everything that the thread owns.
pub(super) struct Poll {
    pub(super) shared: Arc<Shared>,
    pub(super) begins: Vec<Begin>,
    /// Partitions that were found later.
    pub(super) found: Receiver<Vec<Begin>>,
    pub(super) given: Sender<Given>,
    pub(super) open: OpenList,
    pub(super) behind: Behind,
    pub(super) limit: Option<Arc<Limit>>,
}

/// The thread at work.
struct Work<'a> {
    poll: &'a Poll,
    /// Dropped before the consumer.
    _asks: Asks,
    consumer: Arc<BaseConsumer<Told>>,
    told: Arc<Told>,
    partitions: Vec<Assigned>,
    places: HashMap<TopicPartition, usize>,
    /// The partition of the last message: most come in runs.
    current: usize,
    gathered: usize,
    pauses: Pauses,
    /// Whether it was said that brokers are away, since a message came last.
    is_away: bool,
}

/// A partition that is read.
struct Assigned {
    name: TopicPartition,
    partition: Arc<Partition>,
    /// The offset after the last message.
    next: i64,
    /// Where a finite run ends.
    end: i64,
    has_ended: bool,
    chunk: Chunk,
}

// === impl Poll ===

impl Poll {
    pub(super) fn run(self) {
        let outcome = self.work();
        if let Err(error) = outcome
            && error.kind() != ErrorKind::Closed
        {
            // If nobody listens, the reader is gone.
            let _ = self.given.blocking_send(Err(error));
        }
    }

    fn work(&self) -> Result<()> {
        let mut work = Work::new(self)?;
        if !self.shared.finite {
            work.assign(self.begins.clone())?;
            loop {
                while let Ok(found) = self.found.try_recv() {
                    work.add(found)?;
                }
                work.gather()?;
            }
        }
        // One topic after the other: librdkafka tells of an end by the partition's number alone.
        let mut topics: BTreeMap<String, Vec<Begin>> = BTreeMap::new();
        for begin in &self.begins {
            let topic = topics.entry(begin.partition.topic.clone()).or_default();
            topic.push(begin.clone());
        }
        for begins in topics.into_values() {
            work.assign(begins)?;
            while work.partitions.iter().any(|partition| !partition.has_ended) {
                work.gather()?;
            }
        }
        self.give(Ok(None))
    }

    /// Asks again while brokers are away: librdkafka tells only once why it has to be asked.
    fn patiently<T>(&self, ask: impl Fn() -> Result<T>) -> Result<T> {
        loop {
            match ask() {
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    self.give(Err(error))?;
                    std::thread::sleep(IDLE);
                }
                asked => return asked,
            }
        }
    }

    fn give(&self, given: Given) -> Result<()> {
        let sent = self.given.blocking_send(given);
        sent.map_err(|_| Error::closed("the reader is gone"))
    }
}

// === impl Work ===

impl<'a> Work<'a> {
    fn new(poll: &'a Poll) -> Result<Self> {
        let config: &ClientConfig = &poll.shared.config;
        let consumer = BaseConsumer::from_config_and_context(config, Told::default());
        let consumer: BaseConsumer<Told> = consumer.map_err(error::client)?;
        let consumer = Arc::new(consumer);
        Ok(Self {
            poll,
            told: consumer.context().clone(),
            _asks: poll.behind.asks(&consumer),
            consumer,
            partitions: Vec::new(),
            places: HashMap::new(),
            current: 0,
            gathered: 0,
            pauses: Pauses::default(),
            is_away: false,
        })
    }

    /// Reads these, and no others.
    fn assign(&mut self, begins: Vec<Begin>) -> Result<()> {
        self.partitions.clear();
        self.places.clear();
        self.know(begins)?;
        self.consume()
    }

    /// Reads these too.
    fn add(&mut self, begins: Vec<Begin>) -> Result<()> {
        self.know(begins)?;
        self.consume()
    }

    fn know(&mut self, begins: Vec<Begin>) -> Result<()> {
        for begin in begins {
            let partition = self.poll.shared.partition(&begin.partition);
            let columns = Columns::new(&self.poll.shared.metadata)?;
            let TopicPartition { topic, number } = &begin.partition;
            let chunk = Chunk::new(partition.clone(), topic, *number, columns);
            if begin.place.offset < begin.end {
                self.poll.open.add(&partition);
            }
            if let Some(limit) = &self.poll.limit {
                limit.add(&begin, begin.end);
            }
            let before = self
                .places
                .insert(begin.partition.clone(), self.partitions.len());
            // Its topic was deleted, and is another one now.
            if let Some(before) = before.and_then(|before| self.partitions.get_mut(before)) {
                before.has_ended = true;
            }
            self.partitions.push(Assigned {
                has_ended: self.poll.shared.finite && begin.place.offset >= begin.end,
                name: begin.partition,
                partition,
                next: begin.place.offset,
                end: begin.end,
                chunk,
            });
        }
        Ok(())
    }

    /// Tells librdkafka what is read, and from where on.
    fn consume(&mut self) -> Result<()> {
        self.pauses.forget();
        let mut all = TopicPartitionList::new();
        for one in self.partitions.iter().filter(|one| !one.has_ended) {
            let next = Offset::Offset(one.next);
            let added = all.add_partition_offset(&one.name.topic, one.name.number, next);
            added.map_err(|error| Error::internal("kafka: an offset").because(error))?;
        }
        // A partition that was paused stays so through assignments.
        let assigned = self.consumer.assign(&all);
        let resumed = assigned.and_then(|()| self.consumer.resume(&all));
        resumed.map_err(|error| error::of("cannot read partitions", error, &self.told))
    }

    /// Waits for messages, takes those that are there, and hands them on.
    fn gather(&mut self) -> Result<()> {
        let mut wait = IDLE;
        while let Some(polled) = self.consumer.poll(wait) {
            wait = Duration::ZERO;
            match polled {
                Ok(message) => {
                    self.is_away = false;
                    let is_full = take(
                        &mut self.partitions,
                        &self.places,
                        &mut self.current,
                        &mut self.gathered,
                        &message,
                        self.poll.shared.finite,
                    );
                    if is_full {
                        break;
                    }
                }
                Err(KafkaError::PartitionEOF(number)) => self.ended(number),
                Err(error) => {
                    self.hand_on()?;
                    self.failed(error)?;
                }
            }
        }
        self.hand_on()?;
        self.look();
        match self.poll.given.is_closed() {
            true => Err(Error::closed("the reader is gone")),
            false => Ok(()),
        }
    }

    /// Tells the limit what waits, and does as it asks for.
    fn look(&mut self) {
        let Some(limit) = &self.poll.limit else {
            return;
        };
        for (place, one) in self.partitions.iter().enumerate() {
            let TopicPartition { topic, number } = &one.name;
            if self.places.get(&one.name) != Some(&place) {
                // Its topic is another one now.
            } else if one.has_ended {
                limit.end(&one.partition.name);
            } else if let Some(end) = native::known_end(self.consumer.client(), topic, *number)
                && !self.poll.shared.finite
            {
                limit.grows(&one.partition.name, end);
            }
        }
        self.pauses.apply(&self.consumer, limit);
    }

    /// The end of a partition that was there.
    fn ended(&mut self, number: i32) {
        if self.poll.shared.finite {
            let it = self
                .partitions
                .iter_mut()
                .find(|one| one.name.number == number);
            if let Some(it) = it {
                it.has_ended = true;
            }
        }
    }

    fn hand_on(&mut self) -> Result<()> {
        self.gathered = 0;
        for one in &mut self.partitions {
            if one.chunk.is_empty() {
                continue;
            }
            let records = one.chunk.finish()?;
            self.poll.open.add(&one.partition);
            if let Some(limit) = &self.poll.limit {
                limit.fetched(&records);
            }
            self.poll.give(Ok(Some(records)))?;
        }
        Ok(())
    }

    /// What librdkafka gives in place of a message.
    fn failed(&mut self, error: KafkaError) -> Result<()> {
        let Some(code) = error.rdkafka_error_code() else {
            return Err(error::of("cannot read", error, &self.told));
        };
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation => {
                self.out_of_range()
            }
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition
                if !self.poll.shared.finite =>
            {
                self.deleted()
            }
            _ => {
                let is_fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
                let servers = &self.poll.shared.servers;
                let error = error::of(format!("cannot read from {servers}"), error, &self.told);
                match error.kind() {
                    // librdkafka goes on by itself, and at once when a broker is back: a pause
                    // of ours would only be longer.
                    ErrorKind::Unavailable if !is_fatal => {
                        if !std::mem::replace(&mut self.is_away, true) {
                            let node = &self.poll.shared.node;
                            tracing::warn!("source `{node}`: {error}, trying again");
                        }
                        Ok(())
                    }
                    ErrorKind::Unavailable => Err(Error::invalid(error.to_string())),
                    _ => Err(error),
                }
            }
        }
    }

    /// Some topic is not there any more.
    fn deleted(&mut self) -> Result<()> {
        let shared = &self.poll.shared;
        let left = self
            .poll
            .patiently(|| shared.look.topics_left(&shared.which))?;
        let beginning = Beginning {
            look: &shared.look,
            which: &shared.which,
            start: &shared.start,
            fail_on_data_loss: shared.fail_on_data_loss,
            node: &shared.node,
        };
        let gone = |one: &&mut Assigned| !one.has_ended && !left.contains_key(&one.name.topic);
        for one in self.partitions.iter_mut().filter(gone) {
            let topic = &one.name.topic;
            beginning.lost(format!("topic `{topic}` was deleted while it was read"))?;
            one.has_ended = true;
        }
        self.consume()
    }

    /// Some offset is not there: of which partition librdkafka does not say.
    fn out_of_range(&mut self) -> Result<()> {
        let shared = &self.poll.shared;
        let beginning = Beginning {
            look: &shared.look,
            which: &shared.which,
            start: &shared.start,
            fail_on_data_loss: shared.fail_on_data_loss,
            node: &shared.node,
        };
        let mut is_found = false;
        for one in self.partitions.iter_mut().filter(|one| !one.has_ended) {
            let (low, high) = self.poll.patiently(|| shared.look.bounds(&one.name))?;
            if (low..=high).contains(&one.next) {
                continue;
            }
            is_found = true;
            beginning.lost(format!(
                "`{}` has offsets from {low} to {high} now, and {} comes next",
                one.name.name(),
                one.next
            ))?;
            one.next = low;
            if let Some(limit) = &self.poll.limit {
                limit.moves(&one.partition.name, low, high);
            }
        }
        if !is_found {
            // A broker that was behind, or a topic that was cut and has grown again: librdkafka
            // does not say which.
            tracing::warn!(
                "source `{}`: an offset was out of range, and is not any more; after an unclean \
                 election of a leader other records may have it now",
                shared.node
            );
        }
        self.consume()
    }
}

/// Takes a message; answers whether it is time to hand on what was taken.
fn take(
    partitions: &mut [Assigned],
    places: &HashMap<TopicPartition, usize>,
    current: &mut usize,
    gathered: &mut usize,
    message: &BorrowedMessage<'_>,
    finite: bool,
) -> bool {
    let (topic, number) = (message.topic(), message.partition());
    let is_it = |one: &Assigned| one.name.number == number && one.name.topic == topic;
    if !partitions.get(*current).is_some_and(is_it) {
        let name = TopicPartition {
            topic: topic.to_owned(),
            number,
        };
        let Some(place) = places.get(&name) else {
            return false;
        };
        *current = *place;
    }
    let Some(one) = partitions.get_mut(*current) else {
        return false;
    };
    let offset = message.offset();
    if finite && offset >= one.end {
        one.has_ended = true;
        return false;
    }
    one.next = offset + 1;
    one.has_ended |= finite && one.next >= one.end;
    one.chunk.append(message);
    *gathered += message.payload().map_or(0, <[u8]>::len);
    one.chunk.is_full() || *gathered >= GATHERED
}
