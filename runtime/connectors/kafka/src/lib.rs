//! Kafka: topics as sources and sinks, over librdkafka.
//!
//! In: [`KafkaSource`] finds partitions and where they begin, and has a reader a lane, each with a
//! thread that asks librdkafka for messages. Their offsets are an epoch's positions. Out:
//! [`KafkaSink`] writes records; exactly once by a transaction an epoch, made of what the runtime
//! has spooled, with the epoch's marker inside.

mod blocking;
mod client;
#[cfg(test)]
#[path = "conformance_tests.rs"]
mod conformance;
mod error;
#[cfg(test)]
#[path = "mock_tests.rs"]
mod mock;
mod native;
mod options;
mod sample;
mod sink;
mod source;
mod stopwatch;

use std::sync::Arc;

use azud_connect::{Connector, Sink, SinkContext, Source, SourceContext, options_schema};
use azud_model::Result;
use serde_json::Value;

pub use options::{
    KafkaDelivery, KafkaSinkOptions, KafkaSourceOptions, Mechanism, Moment, OneOrMany, Sasl,
    Sharing, Start, Tls, TlsFiles,
};
pub use sample::{Sample, SampleRecord, sample};
pub use sink::KafkaSink;
pub use source::KafkaSource;

/// The connector, as the engine lists it.
pub const CONNECTOR: Connector = Connector {
    name: "kafka",
    source: Some((options_schema::<KafkaSourceOptions>, make_source)),
    sink: Some((options_schema::<KafkaSinkOptions>, make_sink)),
    columns: &source::COLUMNS,
    payload: "value",
    typed: false,
    apart: true,
};

fn make_source(options: Value, context: SourceContext) -> Result<Arc<dyn Source>> {
    let options: KafkaSourceOptions = azud_connect::options(options)?;
    Ok(Arc::new(KafkaSource::new(&options, context)?))
}

fn make_sink(options: Value, context: SinkContext) -> Result<Arc<dyn Sink>> {
    let options: KafkaSinkOptions = azud_connect::options(options)?;
    Ok(Arc::new(KafkaSink::new(options, &context)?))
}
