//! A producer, and what became of what it was given. Every call blocks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azud_model::{Error, ErrorKind, Result};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::layout::Layout;
use super::patience::CALL;
use super::records::RecordsOut;
use crate::client::Told;
use crate::error;
use crate::native;
use crate::stopwatch::Stopwatch;

/// How long a full queue is waited for before it is tried again.
const FULL: Duration = Duration::from_millis(1);

/// How often, until what is less than a whole request is written too.
const FULL_OF_LITTLE: usize = 5;

/// How long librdkafka is told that there is a flush, and how long it is left alone after that:
/// for as long as it knows of one it asks for answers without a pause (see [`super::linger`]).
const PULSE: Duration = Duration::from_millis(1);

/// How long a flush waits before it says that brokers are away.
const FLUSH: Duration = Duration::from_secs(5);

/// How long the report of a record that failed is waited for.
const REPORT: Duration = Duration::from_millis(200);

/// A producer of one sink.
pub(super) struct Out {
    pub(super) producer: ThreadedProducer<Deliveries>,
    pub(super) servers: String,
    /// Where rows go that do not say it themselves.
    topic: Option<String>,
}

/// What became of records.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    pub(super) told: Told,
    /// Why the first one failed that did.
    failed: Mutex<Option<(KafkaError, String)>>,
}

// === impl Deliveries ===

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.told.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.told.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            // Taken back by us, with its transaction.
            if is_purged(error) {
                return;
            }
            let place = format!("{}-{}", message.topic(), message.partition());
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert((error.clone(), place));
        }
    }
}

fn is_purged(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::PurgeQueue | Code::PurgeInflight)
    )
}

// === impl Out ===

impl Out {
    pub(super) fn new(config: &ClientConfig, topic: Option<&str>) -> Result<Self> {
        let made = ThreadedProducer::from_config_and_context(config, Deliveries::default());
        let servers = config.get("bootstrap.servers").unwrap_or_default();
        Ok(Self {
            producer: made.map_err(error::client)?,
            servers: servers.to_owned(),
            topic: topic.map(str::to_owned),
        })
    }

    fn deliveries(&self) -> &Arc<Deliveries> {
        self.producer.context()
    }

    /// An error of a call.
    pub(super) fn failed(&self, what: &str, error: KafkaError) -> Error {
        let what = format!("{what} at {}", self.servers);
        error::of(what, error, &self.deliveries().told)
    }

    /// What failed so far was of a transaction that is given up.
    pub(super) fn forget(&self) {
        let deliveries = self.deliveries();
        let mut failed = deliveries.failed.lock();
        drop(failed.as_deref_mut().map(Option::take));
    }

    /// Why a record failed since this was asked last.
    ///
    /// # Errors
    /// `Aborted`: it was taken, and will not be written any more. Whoever gave it has to begin anew.
    pub(super) fn check(&self) -> Result<()> {
        let deliveries = self.deliveries();
        let mut failed = deliveries.failed.lock();
        let failed = failed.as_deref_mut().map(Option::take);
        match failed.unwrap_or_else(|_| None) {
            Some((error, place)) => {
                let what = format!("a record for `{place}` could not be written");
                Err(lost(self.failed(&what, error)))
            }
            None => Ok(()),
        }
    }

    /// Why a record failed where a transaction has: reports come a moment later than that.
    pub(super) fn reason(&self) -> Option<Error> {
        let started = Stopwatch::start();
        loop {
            match self.check() {
                Err(error) => return Some(error),
                Ok(()) if started.elapsed() > REPORT => return None,
                Ok(()) => std::thread::sleep(FULL),
            }
        }
    }

    /// Whether the topic that all rows go to is there; brokers that make topics make it.
    pub(super) fn find_topic(&self) -> Result<()> {
        let Some(topic) = &self.topic else {
            return Ok(());
        };
        let started = Stopwatch::start();
        loop {
            let metadata = self.producer.client().fetch_metadata(Some(topic), FLUSH);
            let metadata =
                metadata.map_err(|error| self.failed("cannot look at the topic", error))?;
            let found = metadata.topics().first();
            let error = found.and_then(|found| found.error()).map(Code::from);
            match error {
                None if found.is_some_and(|found| !found.partitions().is_empty()) => return Ok(()),
                Some(Code::TopicAuthorizationFailed) => {
                    let error = KafkaError::MetadataFetch(Code::TopicAuthorizationFailed);
                    return Err(self.failed(&format!("topic `{topic}`"), error));
                }
                // It is being made, perhaps.
                _ if started.elapsed() < FLUSH => std::thread::sleep(Duration::from_millis(100)),
                _ => {
                    return Err(Error::invalid(format!(
                        "there is no topic `{topic}` at {}: make it first",
                        self.servers
                    )));
                }
            }
        }
    }

    /// Hands records to librdkafka, in order; waits while its queue is full.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(super) fn send(&self, layout: &Layout, records: &RecordsOut) -> Result<()> {
        self.check()?;
        for row in 0..records.len() {
            let topic = records.topic(row).or(self.topic.as_deref());
            let topic = topic.ok_or_else(|| Error::internal("kafka: a record without a topic"))?;
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
            record.payload = records.value(row);
            record.key = records.key(row);
            record.partition = layout.partition.and_then(|_| records.partition(row));
            record.headers = records.headers(row);
            let mut tries = 0;
            while let Err((error, same)) = self.producer.send(record) {
                if error.rdkafka_error_code() != Some(Code::QueueFull) {
                    return Err(lost(self.failed("a record could not be written", error)));
                }
                self.check()?;
                record = same;
                tries += 1;
                match tries % FULL_OF_LITTLE {
                    0 => drop(native::flush(self.producer.client(), FULL)),
                    _ => std::thread::sleep(FULL),
                }
            }
        }
        Ok(())
    }

    /// Waits until every record is written.
    pub(super) fn flush(&self) -> Result<()> {
        let started = Stopwatch::start();
        while !native::flush(self.producer.client(), PULSE) {
            self.check()?;
            std::thread::sleep(PULSE);
            if started.elapsed() > FLUSH {
                let error = KafkaError::Flush(Code::OperationTimedOut);
                return Err(self.failed("records wait to be written", error));
            }
        }
        self.check()
    }

    /// Has what was sent in a transaction written, without waiting for more. Before positions are
    /// sent: while they are in an open transaction nobody else can read them.
    pub(super) fn press(&self) {
        let started = Stopwatch::start();
        while !native::flush(self.producer.client(), PULSE) && started.elapsed() < CALL {
            std::thread::sleep(PULSE);
        }
    }

    /// Commits the transaction.
    pub(super) fn commit(&self) -> Result<(), KafkaError> {
        self.press();
        self.producer.commit_transaction(CALL)
    }
}

/// To try it again would leave out what was taken before, or give it twice.
fn lost(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Unavailable => Error::aborted(error.to_string()),
        _ => error,
    }
}
