//! The thread of a member: as [`super::poll`], of partitions that come and go.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use azud_connect::Records;
use azud_model::{Error, ErrorKind, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::mpsc::error::TrySendError;

use super::begin::Begin;
use super::behind::Asks;
use super::chunk::Chunk;
use super::columns::Columns;
use super::limit::Limit;
use super::member::{Member, MemberContext, moved, names};
use super::pauses::Pauses;
use super::place::TopicPartition;
use super::poll::Given;
use super::reader::Ends;
use super::shared::Shared;
use crate::stopwatch::Stopwatch;
use crate::{error, native};

/// How long it waits for a message before it looks whether anything else is to be done.
const IDLE: Duration = Duration::from_millis(50);

/// So many bytes are collected before they are handed on.
const GATHERED: usize = 1 << 20;

/// A lane that is busy for longer must not cost the membership: partitions are paused, and the
/// group is told that this member lives.
const BUSY: Duration = Duration::from_secs(1);

/// How long to wait before a busy lane is looked at again.
const LOOK: Duration = Duration::from_millis(1);

/// What the thread is told.
pub(super) enum Order {
    /// Another attempt: these readers, and what is committed.
    Begin(Vec<Ends>),
}

/// Everything that the thread owns.
pub(super) struct Share {
    pub(super) shared: Arc<Shared>,
    pub(super) member: Arc<Member>,
    pub(super) consumer: Arc<BaseConsumer<MemberContext>>,
    pub(super) orders: Receiver<Order>,
    readers: Vec<Ends>,
    /// Lets those who look at the readers ask the consumer.
    asks: Vec<Asks>,
    chunks: HashMap<TopicPartition, Chunk>,
    /// Whether the readers' epoch is lost: nothing is given until the next attempt.
    is_over: bool,
    /// Why, until a reader has room for it.
    untold: Option<Error>,
    /// Whether it was said that brokers are away, since a message came last.
    is_away: bool,
    pauses: Pauses,
}

// === impl Share ===

impl Share {
    pub(super) fn new(
        shared: Arc<Shared>,
        member: Arc<Member>,
        consumer: Arc<BaseConsumer<MemberContext>>,
        orders: Receiver<Order>,
    ) -> Self {
        Self {
            shared,
            member,
            consumer,
            orders,
            readers: Vec::new(),
            asks: Vec::new(),
            chunks: HashMap::new(),
            is_over: true,
            untold: None,
            is_away: false,
            pauses: Pauses::default(),
        }
    }

    pub(super) fn run(mut self) {
        while !self.member.is_closing.load(Ordering::Acquire) {
            while let Ok(Order::Begin(readers)) = self.orders.try_recv() {
                if let Err(error) = self.begin(readers) {
                    self.failed_with(error);
                }
            }
            if let Err(error) = self.gather() {
                self.failed_with(error);
            }
            self.tell();
        }
        self.asks.clear();
        self.consumer.unsubscribe();
        // Leaves the group, so that others need not wait for this member's silence.
        while self.consumer.poll(Duration::ZERO).is_some() {}
    }

    /// Begins an attempt: all partitions, from where they are committed.
    fn begin(&mut self, readers: Vec<Ends>) -> Result<()> {
        let asks = readers.iter().map(|of| of.behind.asks(&self.consumer));
        self.asks = asks.collect();
        self.readers = readers;
        self.chunks.clear();
        self.pauses.forget();
        self.is_over = false;
        let untold = self.untold.take();
        if let Some(error) = untold.filter(|error| error.kind() != ErrorKind::Aborted) {
            // No other attempt comes further, and nobody has heard of it.
            return Err(error);
        }
        let assigned = self.consumer.assignment().map_err(again)?;
        let names = names(&assigned);
        {
            let mut turn = self.member.turn();
            turn.is_lost = false;
            turn.fresh.clear();
        }
        if let Some(error) = self.shared.failure() {
            return Err(error);
        }
        if names.is_empty() {
            return Ok(());
        }
        let Some((begins, list)) = self.consumer.context().begins(&names) else {
            return Err(self.shared.failure().unwrap_or_else(moved));
        };
        // What was fetched is forgotten with the assignment.
        let unassigned = self.consumer.incremental_unassign(&assigned);
        unassigned.map_err(again)?;
        let assigned = self.consumer.incremental_assign(&list);
        // A partition that was paused stays so through assignments.
        let resumed = assigned.and_then(|()| self.consumer.resume(&list));
        resumed.map_err(again)?;
        self.know(begins)
    }

    /// Waits for messages, takes those that are there, and hands them on.
    fn gather(&mut self) -> Result<()> {
        let mut wait = IDLE;
        let mut gathered = 0;
        loop {
            let consumer = self.consumer.clone();
            let Some(polled) = consumer.poll(wait) else {
                break;
            };
            wait = Duration::ZERO;
            match polled {
                Ok(message) => {
                    self.is_away = false;
                    gathered += message.payload().map_or(0, <[u8]>::len);
                    if self.take(&message)? || gathered >= GATHERED {
                        break;
                    }
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
        let (is_lost, fresh) = {
            let mut turn = self.member.turn();
            (turn.is_lost, std::mem::take(&mut turn.fresh))
        };
        if is_lost {
            return Err(self.shared.failure().unwrap_or_else(moved));
        }
        self.know(fresh)?;
        self.hand_on()?;
        self.look();
        Ok(())
    }

    fn limit(&self) -> Option<&Arc<Limit>> {
        self.readers.first()?.limit.as_ref()
    }

    /// Tells the limit what waits, and does as it asks for.
    fn look(&mut self) {
        let Some(limit) = self.limit().cloned() else {
            return;
        };
        for name in self.chunks.keys() {
            let TopicPartition { topic, number } = name;
            if let Some(end) = native::known_end(self.consumer.client(), topic, *number) {
                limit.grows(&name.name(), end);
            }
        }
        self.pauses.apply(&self.consumer, &limit);
    }

    /// Takes a message; answers whether a chunk is full.
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<bool> {
        if self.is_over {
            return Ok(false);
        }
        let name = TopicPartition {
            topic: message.topic().to_owned(),
            number: message.partition(),
        };
        if !self.chunks.contains_key(&name) {
            // It was given while this message was waited for.
            let fresh = std::mem::take(&mut self.member.turn().fresh);
            self.know(fresh)?;
        }
        let Some(chunk) = self.chunks.get_mut(&name) else {
            return Err(Error::aborted(format!(
                "a record of `{}` came, which is not this member's",
                name.name()
            )));
        };
        chunk.append(message);
        Ok(chunk.is_full())
    }

    /// Partitions that are given: their readers are told before their records come.
    fn know(&mut self, begins: Vec<Begin>) -> Result<()> {
        let count = self.readers.len().max(1);
        let mut told: Vec<Vec<Begin>> = vec![Vec::new(); count];
        for begin in begins {
            let TopicPartition { topic, number } = &begin.partition;
            let partition = self.shared.partition(&begin.partition);
            let columns = Columns::new(&self.shared.metadata)?;
            let chunk = Chunk::new(partition.clone(), topic, *number, columns);
            self.chunks.insert(begin.partition.clone(), chunk);
            let number = reader_of(&begin.partition, count);
            let (Some(reader), Some(told)) = (self.readers.get(number), told.get_mut(number))
            else {
                continue;
            };
            if begin.place.offset < begin.end {
                reader.open.add(&partition);
            }
            if let Some(limit) = &reader.limit {
                limit.add(&begin, begin.end);
            }
            told.push(begin);
        }
        for (reader, begins) in self.readers.iter().zip(told) {
            if !begins.is_empty() {
                let told = reader.find.blocking_send(begins);
                told.map_err(|_| Error::closed("the reader is gone"))?;
            }
        }
        Ok(())
    }

    fn hand_on(&mut self) -> Result<()> {
        let count = self.readers.len().max(1);
        let mut full = Vec::new();
        for (name, chunk) in &mut self.chunks {
            if !chunk.is_empty() {
                full.push((reader_of(name, count), chunk.finish()?));
            }
        }
        for (reader, records) in full {
            self.give(reader, records)?;
        }
        Ok(())
    }

    /// Waits until the reader takes it, as a member that lives.
    ///
    /// # Errors
    /// Nothing of what was not taken may be committed then.
    fn give(&mut self, reader: usize, records: Records) -> Result<()> {
        let Some(reader) = self.readers.get(reader) else {
            return Ok(());
        };
        reader.open.add(&records.partition);
        if let Some(limit) = &reader.limit {
            limit.fetched(&records);
        }
        let give = reader.give.clone();
        let started = Stopwatch::start();
        let mut given: Given = Ok(Some(records));
        let mut is_paused = false;
        let outcome = loop {
            given = match give.try_send(given) {
                Ok(()) => break Ok(()),
                Err(TrySendError::Closed(_)) => break Err(Error::closed("the reader is gone")),
                Err(TrySendError::Full(given)) => given,
            };
            if self.member.turn().is_lost || self.member.is_closing.load(Ordering::Acquire) {
                break Err(moved());
            }
            if started.elapsed() < BUSY {
                std::thread::sleep(LOOK);
                continue;
            }
            let waited = match is_paused {
                true => self.wait(),
                false => self.pause(),
            };
            is_paused = true;
            if let Err(error) = waited {
                break Err(error);
            }
        };
        if is_paused {
            self.resume();
        }
        outcome
    }

    /// Nothing comes from now on, also of partitions that are given meanwhile.
    fn pause(&self) -> Result<()> {
        self.member.is_busy.store(true, Ordering::Release);
        let all = self.consumer.assignment();
        let paused = all.and_then(|all| self.consumer.pause(&all));
        paused.map_err(again)
    }

    fn resume(&mut self) {
        self.pauses.forget();
        self.member.is_busy.store(false, Ordering::Release);
        // Of partitions that were taken away it cannot be said: they are resumed when they are given.
        let all = self.consumer.assignment();
        let _ = all.and_then(|all| self.consumer.resume(&all));
    }

    /// Serves rebalances, while everything is paused.
    fn wait(&mut self) -> Result<()> {
        let consumer = self.consumer.clone();
        match consumer.poll(IDLE) {
            None => Ok(()),
            // It cannot be kept, and must not be left out.
            Some(Ok(_)) => Err(Error::aborted("a record has come while its lane was busy")),
            Some(Err(error)) => match self.failed(error) {
                error if error.kind() == ErrorKind::Unavailable => {
                    self.warn(&error);
                    Ok(())
                }
                error => Err(error),
            },
        }
    }

    /// Says once that brokers are away: librdkafka goes on by itself.
    fn warn(&mut self, error: &Error) {
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!("source `{}`: {error}", self.shared.node);
        }
    }

    fn failed_with(&mut self, error: Error) {
        match error.kind() {
            ErrorKind::Unavailable => self.warn(&error),
            _ if self.is_over => {}
            kind => {
                self.chunks.clear();
                self.is_over = true;
                // Readers that are gone have had all that they wanted.
                if kind != ErrorKind::Closed {
                    self.member.turn().is_lost = true;
                    self.untold = Some(error);
                }
            }
        }
    }

    /// Tells a reader that its epoch has failed, once there is room for it.
    fn tell(&mut self) {
        let Some(error) = self.untold.take() else {
            return;
        };
        let Some(first) = self.readers.first() else {
            return;
        };
        if let Err(TrySendError::Full(Err(error))) = first.give.try_send(Err(error)) {
            self.untold = Some(error);
        }
    }

    fn failed(&self, error: KafkaError) -> Error {
        use rdkafka::error::RDKafkaErrorCode as Code;
        if let Some(Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation) =
            error.rdkafka_error_code()
        {
            // The next attempt looks where partitions begin, and says what is lost.
            return Error::aborted("some offset is not there any more");
        }
        let what = format!("cannot read from {}", self.shared.servers);
        error::of(what, error, &self.consumer.context().told)
    }
}

/// Nobody asks librdkafka again for what is only its own: the next attempt does.
fn again(error: KafkaError) -> Error {
    Error::aborted(error.to_string())
}

/// A partition stays with its reader.
fn reader_of(partition: &TopicPartition, readers: usize) -> usize {
    usize::try_from(partition.number).unwrap_or(0) % readers
}
