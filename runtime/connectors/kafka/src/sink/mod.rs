//! Writing to topics.

mod layout;
mod linger;
mod marker;
mod member;
mod offsets;
mod pass;
mod patience;
mod producer;
mod records;
mod transactions;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{
    Delivery, Output, Prepared, RecordColumns, Recovery, Sink, SinkContext, SinkWriter, Wants,
};
use azud_model::{Epoch, Error, Position, Result};
use rdkafka::ClientConfig;

use crate::blocking::blocking;
use crate::client::Cluster;
use crate::options::{KafkaDelivery, KafkaSinkOptions};
use crate::source::Member;
use layout::Layout;
use linger::Linger;
use member::MemberTransactions;
use pass::Pass;
use producer::Out;
use records::RecordsOut;
use transactions::Transactions;

/// What librdkafka is told unless the manifest says otherwise.
const OWN: [(&str, &str); 7] = [
    // Brokers decide whether topics are made by writing to them.
    ("allow.auto.create.topics", "true"),
    ("enable.idempotence", "true"),
    // A key goes to the partition that Kafka's own client would choose.
    ("partitioner", "murmur2_random"),
    ("queue.buffering.max.messages", "500000"),
    // How long records without a key go to one partition; by itself twice as long as `linger.ms`.
    ("sticky.partitioning.linger.ms", "10"),
    ("delivery.report.only.error", "true"),
    // What takes longer than a broker's patience would be computed again for ever.
    ("retry.backoff.max.ms", "1000"),
];

/// How long records wait for others, in milliseconds, unless the manifest says it: requests are
/// whole ones, until they are asked for, by the commit of a transaction or by [`Linger`].
const LINGER: (&str, u32) = ("linger.ms", 10_000);

/// The other name of that property.
const LINGER_TOO: &str = "queue.buffering.max.ms";

/// What makes requests go before [`Linger`] asks for them, at least once: never. A request takes no
/// more than `message.max.bytes` anyway.
const WHOLE: [(&str, &str); 2] = [
    ("batch.size", "2147483647"),
    ("batch.num.messages", "1000000"),
];

/// How long a transaction may take: longer than its records wait.
const TIMEOUT: &str = "transaction.timeout.ms";

/// The property that says how many KiB of records wait for brokers, and how many do.
const QUEUE: (&str, usize) = ("queue.buffering.max.kbytes", 32 * 1024);

/// Properties that are not to be set, and why.
const REFUSED: [(&str, &str); 10] = [
    (
        "transactional.id",
        "it is the pipeline's name and the sink's",
    ),
    (
        "enable.idempotence",
        "rows would be lost, doubled or out of order",
    ),
    ("acks", "rows could be lost"),
    ("request.required.acks", "rows could be lost"),
    ("retries", "rows could be lost"),
    ("message.send.max.retries", "rows could be lost"),
    ("message.timeout.ms", "rows could be lost"),
    ("delivery.timeout.ms", "rows could be lost"),
    ("delivery.report.only.error", "it is Azud's to know"),
    (
        "enable.gapless.guarantee",
        "it would stop at the first error",
    ),
];

/// The largest record that librdkafka takes, unless the manifest says otherwise.
const LARGEST: usize = 1_000_000;

/// What a record takes beside its key and value, at most.
const OVERHEAD: usize = 512;

/// Topics of a cluster.
pub struct KafkaSink {
    options: KafkaSinkOptions,
    config: ClientConfig,
    format: String,
    node: String,
    largest: usize,
    mode: Mode,
}

enum Mode {
    /// A transaction an epoch, with the positions of the source's group.
    Member(Arc<Mutex<MemberTransactions>>),
    /// A transaction an epoch.
    Exactly {
        transactions: Arc<Mutex<Transactions>>,
    },
    /// Rows are there as soon as they are written.
    /// Each lane has a producer: the end of its epoch waits for nobody else's rows.
    AtLeast {
        /// Why not exactly once.
        why: &'static str,
        /// Whether the manifest says how long records wait for others.
        lingers: bool,
    },
}

/// A lane's writer; of an epoch that is spooled the only one.
struct Writer {
    layout: Layout,
    to: To,
    rows: u64,
    lane: usize,
}

enum To {
    Member {
        transactions: Arc<Mutex<MemberTransactions>>,
        pass: Pass,
    },
    Transaction {
        transactions: Arc<Mutex<Transactions>>,
        /// Whether this epoch has sent anything.
        has_begun: bool,
    },
    Out {
        out: Arc<Out>,
        linger: Option<Linger>,
    },
}

// === impl KafkaSink ===

impl KafkaSink {
    pub(crate) fn new(options: KafkaSinkOptions, context: &SinkContext) -> Result<Self> {
        if let Some(topic) = &options.topic {
            crate::source::check_name(topic)?;
        }
        let member = match &context.group {
            Some(group) => Some(group.member::<Member>().ok_or_else(|| {
                Error::internal("kafka: the pipeline's source is in a group of another system")
            })?),
            None => None,
        };
        let delivery = match (options.delivery, context.checkpointed) {
            (Some(KafkaDelivery::AtLeastOnce), _) if member.is_some() => {
                return Err(Error::invalid(
                    "with `sharing: group` rows and positions are in one transaction: leave out \
                     `delivery`",
                ));
            }
            _ if member.is_some() => KafkaDelivery::ExactlyOnce,
            (Some(KafkaDelivery::ExactlyOnce), false) => {
                return Err(Error::invalid(
                    "`delivery: exactly-once` needs a `checkpoint`: without one nobody knows what \
                     was written when the pipeline starts again",
                ));
            }
            (Some(delivery), _) => delivery,
            (None, true) => KafkaDelivery::ExactlyOnce,
            (None, false) => KafkaDelivery::AtLeastOnce,
        };
        let id = format!("{}-{}", context.pipeline, context.node);
        let cluster = Cluster {
            servers: &options.servers,
            tls: options.tls.as_ref(),
            sasl: options.sasl.as_ref(),
            properties: &options.properties,
            directory: &context.directory,
            client_id: id.clone(),
        };
        let mut own = OWN.to_vec();
        own.push(match delivery {
            KafkaDelivery::ExactlyOnce => ("transactional.id", &id),
            // What was taken is never given up.
            KafkaDelivery::AtLeastOnce => ("message.timeout.ms", "0"),
        });
        // Of a member that is gone its transaction holds up readers for so long: nobody takes it over.
        let unique = format!("{id}-{:016x}", fastrand::u64(..));
        match (&member, delivery) {
            (Some(_), _) => own.extend([("transactional.id", unique.as_str()), (TIMEOUT, "30000")]),
            (None, KafkaDelivery::ExactlyOnce) => own.push((TIMEOUT, "300000")),
            (None, KafkaDelivery::AtLeastOnce) => {}
        }
        let mut config = cluster.config(&own, &REFUSED)?;
        let says = |name: &str| options.properties.contains_key(name);
        let lingers = says(LINGER.0) || says(LINGER_TOO);
        let largest = config
            .get("message.max.bytes")
            .and_then(|text| text.parse().ok());
        let largest: usize = largest.unwrap_or(LARGEST);
        if !says(QUEUE.0) {
            // The largest record has room in the queue.
            let room = (2 * largest / 1024).max(QUEUE.1);
            config.set(QUEUE.0, room.to_string());
        }
        if !lingers {
            let timeout = config.get(TIMEOUT).and_then(|text| text.parse().ok());
            let half = timeout.map_or(LINGER.1, |timeout: u32| timeout / 2);
            config.set(LINGER.0, LINGER.1.min(half).to_string());
        }
        if !lingers && delivery == KafkaDelivery::AtLeastOnce {
            for (name, value) in WHOLE.iter().filter(|(name, _)| !says(name)) {
                config.set(*name, *value);
            }
        }
        let topic = options.topic.as_deref();
        let mode = match delivery {
            KafkaDelivery::ExactlyOnce if let Some(member) = member => {
                let transactions = MemberTransactions::new(&config, topic, member);
                Mode::Member(Arc::new(Mutex::new(transactions)))
            }
            KafkaDelivery::AtLeastOnce => Mode::AtLeast {
                why: match options.delivery {
                    Some(_) => "`delivery: at-least-once`",
                    None => "without a checkpoint nothing is remembered",
                },
                lingers,
            },
            KafkaDelivery::ExactlyOnce => {
                // A producer's properties mean nothing to a consumer.
                let reading = Cluster {
                    properties: &shared_properties(&options),
                    ..cluster
                };
                let reading = reading.config(&[], &[])?;
                let group = format!("{id}-epochs");
                let transactions = Transactions::new(&config, &reading, &group, topic)?;
                Mode::Exactly {
                    transactions: Arc::new(Mutex::new(transactions)),
                }
            }
        };
        Ok(Self {
            config,
            format: context.format.clone(),
            node: context.node.clone(),
            largest: largest.saturating_sub(OVERHEAD),
            mode,
            options,
        })
    }

    fn layout(&self, schema: &SchemaRef) -> Result<Layout> {
        Layout::of(&self.options, &self.format, schema)
    }
}

/// Those that a consumer knows too.
fn shared_properties(
    options: &KafkaSinkOptions,
) -> std::collections::BTreeMap<String, serde_json::Value> {
    let shared = options.properties.iter().filter(|(name, _)| {
        let prefixes = [
            "ssl.",
            "sasl.",
            "socket.",
            "broker.",
            "reconnect.",
            "enable.ssl.",
        ];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || name.as_str() == "debug"
    });
    shared
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[async_trait]
impl Sink for KafkaSink {
    fn wants(&self) -> Wants {
        Wants::Records
    }

    fn check(&self, schema: &SchemaRef) -> Result<()> {
        self.layout(schema).map(drop)
    }

    fn records(&self, schema: &SchemaRef) -> Result<RecordColumns> {
        Ok(self.layout(schema)?.columns())
    }

    fn refused(&self, schema: &SchemaRef, records: &RecordBatch) -> Result<Vec<(usize, String)>> {
        records::refused(&self.layout(schema)?, records, self.largest)
    }

    fn target(&self) -> Option<String> {
        let servers = self.options.servers.list().join(",");
        let topic = self.options.topic.as_deref().unwrap_or("*");
        // Several sinks may write to a topic; a sink that moves to another one is noticed.
        Some(format!("kafka://{servers}/{topic}#{}", self.node))
    }

    fn delivery(&self) -> Delivery {
        match &self.mode {
            Mode::Member(_) => Delivery::WithPositions,
            Mode::Exactly { .. } => Delivery::Spooled,
            Mode::AtLeast { why, .. } => Delivery::AtLeastOnce(why),
        }
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        let Mode::Exactly { transactions } = &self.mode else {
            return Ok(());
        };
        let (transactions, recovery) = (transactions.clone(), recovery.clone());
        blocking(move || lock(&transactions).recover(&recovery)).await
    }

    async fn writer(&self, lane: usize, schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        let layout = self.layout(&schema)?;
        let to = match &self.mode {
            Mode::Member(transactions) => {
                let opened = transactions.clone();
                let pass = blocking(move || lock(&opened).open()).await?;
                To::Member {
                    transactions: transactions.clone(),
                    pass,
                }
            }
            Mode::Exactly { transactions } => {
                let begun = transactions.clone();
                blocking(move || lock(&begun).start()).await?;
                To::Transaction {
                    transactions: transactions.clone(),
                    has_begun: false,
                }
            }
            Mode::AtLeast { lingers, .. } => {
                let (config, topic) = (self.config.clone(), self.options.topic.clone());
                let made = blocking(move || {
                    let made = Out::new(&config, topic.as_deref())?;
                    made.find_topic()?;
                    Ok(Arc::new(made))
                });
                let out = made.await?;
                let linger = (!lingers).then(|| Linger::start(&out)).transpose()?;
                To::Out { out, linger }
            }
        };
        Ok(Box::new(Writer {
            layout,
            to,
            rows: 0,
            lane,
        }))
    }

    async fn commit(&self, epoch: &Epoch, _prepared: Vec<Prepared>) -> Result<()> {
        let Mode::Exactly { transactions } = &self.mode else {
            return Ok(());
        };
        let (transactions, epoch) = (transactions.clone(), *epoch);
        blocking(move || lock(&transactions).commit(&epoch)).await
    }

    async fn commit_positions(
        &self,
        epoch: &Epoch,
        prepared: Vec<Prepared>,
        positions: &[Position],
    ) -> Result<()> {
        let Mode::Member(transactions) = &self.mode else {
            return self.commit(epoch, prepared).await;
        };
        let (transactions, positions) = (transactions.clone(), positions.to_vec());
        let epoch = *epoch;
        blocking(move || lock(&transactions).commit(&epoch, &positions)).await
    }

    async fn abort(&self) -> Result<()> {
        match &self.mode {
            Mode::Member(transactions) => {
                let transactions = transactions.clone();
                blocking(move || {
                    lock(&transactions).abort();
                    Ok(())
                })
                .await
            }
            Mode::Exactly { transactions } => {
                let transactions = transactions.clone();
                blocking(move || lock(&transactions).abort()).await
            }
            // What waits to be written is of an epoch that is computed again: it goes with its writer.
            Mode::AtLeast { .. } => Ok(()),
        }
    }
}

fn lock<T>(transactions: &Mutex<T>) -> MutexGuard<'_, T> {
    transactions.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        let Output::Rows(batch) = output else {
            return Err(Error::internal("kafka: it takes records, and got bytes"));
        };
        self.rows += batch.rows() as u64;
        let layout = self.layout.clone();
        let records = RecordsOut::of(&layout, batch.columns())?;
        match &mut self.to {
            To::Member { transactions, pass } => {
                let attempt = pass.admitted().await?;
                let transactions = transactions.clone();
                blocking(move || lock(&transactions).send(attempt, &layout, &records)).await
            }
            To::Transaction {
                transactions,
                has_begun,
            } => {
                let is_first = !std::mem::replace(has_begun, true);
                let transactions = transactions.clone();
                blocking(move || {
                    let mut transactions = lock(&transactions);
                    if is_first {
                        transactions.start()?;
                    }
                    transactions.send(&layout, &records)
                })
                .await
            }
            To::Out { out, linger } => {
                let out = out.clone();
                let sent = blocking(move || out.send(&layout, &records)).await;
                if let Some(linger) = linger {
                    linger.begin();
                }
                sent
            }
        }
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        match &mut self.to {
            To::Member { pass, .. } => pass.prepared(epoch.number),
            To::Transaction { has_begun, .. } => *has_begun = false,
            To::Out { out, .. } => {
                let out = out.clone();
                blocking(move || out.flush()).await?;
            }
        }
        Ok(Prepared {
            lane: self.lane,
            rows: std::mem::take(&mut self.rows),
            token: Vec::new(),
        })
    }
}
