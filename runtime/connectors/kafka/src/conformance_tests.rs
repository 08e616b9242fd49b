//! The kit's cases, against a real broker; without one the tests say so, and pass.

#![expect(clippy::disallowed_methods, reason = "a test")]

#[path = "../../../../tests/kafka/brokers.rs"]
#[expect(dead_code, reason = "what only other tests need")]
mod brokers;
#[path = "../../../../tests/kafka/topics.rs"]
#[expect(dead_code, reason = "what only other tests need")]
mod topics;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::conformance::{
    SinkFixture, SinkPromises, SourceFixture, SourcePromises, check_sink, check_source,
};
use azud_connect::{Sink, SinkContext, Source, SourceContext};
use azud_model::{Mode, Result, SystemClock};
use rdkafka::producer::Producer;
use serde_json::json;

use crate::{make_sink, make_source};
use brokers::Brokers;
use topics::{Give, Sender, Topics, send};

/// A topic that records come to, in three partitions.
struct Topic {
    servers: &'static str,
    topics: Arc<Topics>,
    sender: Arc<Sender>,
    share: Option<usize>,
    prefix: &'static str,
    name: String,
    made: usize,
    records: usize,
}

// === impl Topic ===

impl Topic {
    fn new(prefix: &'static str, share: Option<usize>) -> Option<Self> {
        let servers = Brokers::shared()?.servers();
        let topics = Arc::new(Topics::at(servers));
        Some(Self {
            servers,
            sender: Arc::new(topics.sender(&[])),
            topics,
            share,
            prefix,
            name: String::new(),
            made: 0,
            records: 0,
        })
    }

    /// A topic that nobody has seen before.
    async fn renew(&mut self) {
        self.made += 1;
        self.name = format!("{}-{}", self.prefix, self.made);
        let (topics, name) = (self.topics.clone(), self.name.clone());
        blocking(move || topics.make(&name, 3)).await;
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[async_trait]
impl SourceFixture for Topic {
    fn promises(&self) -> SourcePromises {
        SourcePromises {
            share: self.share,
            quiet: Duration::from_millis(100),
            seeds: 1,
            ..SourcePromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        self.renew().await;
        Ok(())
    }

    async fn give(&mut self, count: usize) -> Result<Vec<String>> {
        let first = self.records;
        self.records += count;
        let records: Vec<_> = (first..self.records).map(|n| format!("r{n}")).collect();
        let (sender, name, sent) = (self.sender.clone(), self.name.clone(), records.clone());
        blocking(move || {
            for (number, record) in sent.iter().enumerate() {
                let give = Give {
                    partition: i32::try_from((first + number) % 3).unwrap(),
                    value: Some(record.as_bytes()),
                    ..Give::default()
                };
                send(&sender, &name, &give);
            }
            sender.flush(Duration::from_secs(60)).unwrap();
        })
        .await;
        Ok(records)
    }

    async fn make(&mut self, context: SourceContext) -> Result<Arc<dyn Source>> {
        let mut options = json!({"servers": self.servers, "topics": self.name});
        options["properties"] = json!({"fetch.wait.max.ms": 50});
        if let Some(share) = self.share {
            options["max_rows"] = json!(share);
        }
        let context = SourceContext {
            pipeline: self.name.clone(),
            ..context
        };
        make_source(options, context)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_keeps_every_promise_of_a_source() {
    let Some(mut topic) = Topic::new("source", None) else {
        return;
    };
    let report = check_source(&mut topic).await.unwrap();
    // Connections break in `tests/kafka`; how far librdkafka reads ahead nobody can ask it.
    assert_eq!(report.skipped, ["disconnect", "share", "back-pressure"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_with_a_share_keeps_every_promise_of_a_source() {
    let Some(mut topic) = Topic::new("share", Some(7)) else {
        return;
    };
    let report = check_source(&mut topic).await.unwrap();
    assert_eq!(report.skipped, ["disconnect", "back-pressure"]);
}

/// A topic that rows go to.
struct Target {
    topic: Topic,
    delivery: &'static str,
}

#[async_trait]
impl SinkFixture for Target {
    fn promises(&self) -> SinkPromises {
        let exactly = self.delivery == "exactly-once";
        SinkPromises {
            // At least once: rows are there as soon as they are written, and nothing else is known.
            hides: exactly,
            commits_once: exactly,
            refuses: exactly,
            puts_aside: false,
            seeds: 1,
            ..SinkPromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        self.topic.renew().await;
        Ok(())
    }

    async fn make(&mut self, lanes: usize) -> Result<Arc<dyn Sink>> {
        let options = json!({
            "servers": self.topic.servers,
            "topic": self.topic.name,
            "delivery": self.delivery,
        });
        let context = SinkContext {
            pipeline: self.topic.name.clone(),
            node: "out".to_owned(),
            directory: ".".into(),
            lanes,
            mode: Mode::Append,
            format: "json".to_owned(),
            header: Vec::new(),
            checkpointed: true,
            group: None,
            clock: Arc::new(SystemClock::new()),
        };
        blocking(move || make_sink(options, context)).await
    }

    async fn visible(&mut self) -> Result<Option<Vec<i64>>> {
        let (topics, name) = (self.topic.topics.clone(), self.topic.name.clone());
        let values = blocking(move || topics.values(&name)).await;
        Ok(Some(
            values.iter().map(|row| row.parse().unwrap()).collect(),
        ))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_keep_every_promise_of_a_sink() {
    let Some(topic) = Topic::new("exactly", None) else {
        return;
    };
    let delivery = "exactly-once";
    let report = check_sink(&mut Target { topic, delivery }).await.unwrap();
    assert_eq!(
        report.skipped,
        ["unavailable", "abort-after-record", "cancel"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_at_least_once_keeps_what_it_promises() {
    let Some(topic) = Topic::new("at-least", None) else {
        return;
    };
    let delivery = "at-least-once";
    let report = check_sink(&mut Target { topic, delivery }).await.unwrap();
    let skipped = [
        "hidden",
        "commit-twice",
        "unavailable",
        "crash-before-record",
        "crash-before-commit",
        "crash-after-commit",
        "other-lanes",
        "abort-after-record",
        "roll-back",
        "cancel",
        "other-run",
        "older-state",
        "random",
    ];
    assert_eq!(report.skipped, skipped);
}
