//! What a manifest says about Kafka.

use std::collections::BTreeMap;

use azud_model::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Reads topics of a Kafka cluster: exactly one of `topics`, `pattern` and `assign`.
/// With a checkpoint its positions belong to epochs; they are also committed to the group after
/// each epoch, so that Kafka's own tools show the lag.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaSourceOptions {
    /// The brokers to ask first: `host:port`, or several in a list or separated by commas.
    pub servers: OneOrMany,
    /// The topics, in a list, or only one.
    pub topics: Option<OneOrMany>,
    /// A regular expression that the whole name of a topic must match. Topics that are made later are picked up.
    #[schemars(length(min = 1))]
    pub pattern: Option<String>,
    /// Some partitions only: `{ orders: [0, 2] }`.
    pub assign: Option<BTreeMap<String, Vec<i32>>>,
    /// The consumer group that offsets are committed to; default: the pipeline's name.
    #[schemars(length(min = 1))]
    pub group: Option<String>,
    /// Where a partition begins that no checkpoint knows; default: earliest.
    #[serde(default)]
    pub start: Start,
    /// Whether the pipeline stops where records are gone that it has not read: they have expired, or their
    /// topic was deleted and made again. Otherwise it goes on with the first one that is there; default: true.
    pub fail_on_data_loss: Option<bool>,
    /// At most so many records an epoch: Spark's `maxOffsetsPerTrigger`.
    #[schemars(range(min = 1))]
    pub max_rows: Option<u64>,
    /// An epoch's share ends with the records that reach so many bytes.
    pub max_bytes: Option<ByteSize>,
    /// How often to look for new topics and partitions; default: 10s.
    pub refresh: Option<Duration>,
    /// Who reads the partitions; default: alone.
    pub sharing: Option<Sharing>,
    /// TLS: `true`, or its files.
    pub tls: Option<Tls>,
    /// Who this is.
    pub sasl: Option<Sasl>,
    /// Any other property of librdkafka, by its name: `{ fetch.min.bytes: 100000 }`.
    #[serde(default)]
    pub properties: BTreeMap<String, Value>,
}

/// Writes records to topics of a Kafka cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaSinkOptions {
    /// The brokers to ask first: `host:port`, or several in a list or separated by commas.
    pub servers: OneOrMany,
    /// The topic; without one, every row names its own in a column `topic`.
    #[schemars(length(min = 1))]
    pub topic: Option<String>,
    /// The column that is the record's key; with format raw default: `key`, if there is one.
    pub key: Option<String>,
    /// The column that holds the record's headers; with format raw default: `headers`, if there is one.
    pub headers: Option<String>,
    /// How often a row is there after a crash; default: exactly-once with a checkpoint, at-least-once without one.
    pub delivery: Option<KafkaDelivery>,
    /// TLS: `true`, or its files.
    pub tls: Option<Tls>,
    /// Who this is.
    pub sasl: Option<Sasl>,
    /// Any other property of librdkafka, by its name: `{ compression.type: zstd }`.
    #[serde(default)]
    pub properties: BTreeMap<String, Value>,
}

/// Who reads the partitions of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// This pipeline: every partition is its own, and positions are in its checkpoint.
    #[default]
    Alone,
    /// As many processes of this pipeline as are started: partitions move between them, and positions are
    /// in the transactions of the one kafka sink. Nothing may be kept over epochs.
    Group,
}

/// One text, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One, or several separated by commas.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Where a partition begins that no checkpoint knows. Partitions that are found later are read from their beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// With the first record that is there.
    #[default]
    Earliest,
    /// With the records that come from now on.
    Latest,
    /// Where the group's committed offset is; with the first record where there is none.
    Committed,
    /// With the first record of that time or later, in ISO 8601, or in milliseconds since 1970;
    /// with those that come from now on where there is none.
    Timestamp(Moment),
    /// With these offsets by topic and partition, -2 for earliest and -1 for latest; earliest where nothing is said.
    // A manifest's keys are strings: `{ orders: { "0": 7 } }`.
    Offsets(
        #[schemars(with = "BTreeMap<String, BTreeMap<String, i64>>")]
        BTreeMap<String, BTreeMap<i32, i64>>,
    ),
}

/// A moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Moment {
    /// Milliseconds since 1970, UTC.
    Millis(i64),
    /// `2026-01-01T00:00:00Z`.
    Text(String),
}

/// How often a row is there after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KafkaDelivery {
    /// Once, for readers with `isolation.level` read_committed: each epoch is a transaction.
    ExactlyOnce,
    /// Once or more often: rows are there as soon as they are written.
    AtLeastOnce,
}

/// TLS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Tls {
    /// Whether to use it, with the authorities that the system trusts.
    Plain(bool),
    /// With these files.
    Files(TlsFiles),
}

/// Files of TLS, in PEM. Relative paths are relative to the manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// The authorities that brokers are held against; default: those that the system trusts.
    pub ca: Option<String>,
    /// This client's certificate, where brokers ask for one.
    pub certificate: Option<String>,
    /// Its private key.
    pub key: Option<String>,
    /// The password of the private key.
    pub password: Option<String>,
}

/// Who this is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// How it is told.
    pub mechanism: Mechanism,
    /// The user.
    pub user: String,
    /// The password: `${KAFKA_PASSWORD}`.
    pub password: String,
}

/// How a client says who it is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum Mechanism {
    /// User and password as they are: over TLS only.
    #[serde(rename = "PLAIN")]
    Plain,
    /// RFC 5802 with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// RFC 5802 with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

// === impl OneOrMany ===

impl OneOrMany {
    /// Each of them.
    pub(crate) fn list(&self) -> Vec<String> {
        let all: Vec<&str> = match self {
            Self::One(one) => one.split(',').collect(),
            Self::Many(many) => many.iter().map(String::as_str).collect(),
        };
        let all = all.into_iter().map(str::trim);
        all.filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

// === impl Mechanism ===

impl Mechanism {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}
