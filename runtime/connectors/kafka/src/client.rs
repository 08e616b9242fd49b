//! How a client of a cluster is configured, and what it tells.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use azud_model::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use serde_json::Value;

use crate::error;
use crate::options::{OneOrMany, Sasl, Tls};

/// Properties that are Azud's own, and what to write instead.
const REFUSED: [(&str, &str); 12] = [
    ("bootstrap.servers", "write `servers`"),
    ("metadata.broker.list", "write `servers`"),
    ("client.id", "it is the pipeline's name and the node's"),
    (
        "allow.auto.create.topics",
        "a topic that is mistyped would be made; make it first",
    ),
    (
        "plugin.library.paths",
        "it would load code into this process",
    ),
    ("opaque", "it has no meaning in a manifest"),
    ("log_cb", "it has no meaning in a manifest"),
    ("security.protocol", "write `tls` and `sasl`"),
    ("sasl.mechanisms", "write `sasl`"),
    ("sasl.mechanism", "write `sasl`"),
    ("sasl.username", "write `sasl`"),
    ("sasl.password", "write `sasl`"),
];

/// So many events may wait to be told, at most.
const EVENTS: u32 = 1_000;

/// So often it may have nothing to tell before it is left alone.
const SILENT: u32 = 10;

/// What a source and a sink have in common.
pub(crate) struct Cluster<'a> {
    pub(crate) servers: &'a OneOrMany,
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) sasl: Option<&'a Sasl>,
    pub(crate) properties: &'a BTreeMap<String, Value>,
    /// Where relative paths start.
    pub(crate) directory: &'a Path,
    /// `<pipeline>-<node>`: brokers show it.
    pub(crate) client_id: String,
}

/// What a client has told last: why a call timed out is nowhere else.
#[derive(Debug, Default)]
pub(crate) struct Told {
    last: Mutex<Option<(KafkaError, String)>>,
}

// === impl Cluster ===

impl Cluster<'_> {
    /// The configuration: `own` goes before the user's properties, unless `refused` says that
    /// the user may not change them.
    ///
    /// # Errors
    /// `Invalid`: a server without a port, a property that is refused, unknown, or has a wrong value.
    pub(crate) fn config(
        &self,
        own: &[(&str, &str)],
        refused: &[(&str, &str)],
    ) -> Result<ClientConfig> {
        let mut config = ClientConfig::new();
        let servers = self.servers.list();
        for server in &servers {
            check_server(server)?;
        }
        if servers.is_empty() {
            return Err(Error::invalid(
                "`servers` names no broker: write \"host:9092\"",
            ));
        }
        config.set("bootstrap.servers", servers.join(","));
        config.set("client.id", &self.client_id);
        config.set("allow.auto.create.topics", "false");
        // A broker that comes back is not to be waited for.
        config.set("reconnect.backoff.max.ms", "1000");
        for (name, value) in own {
            config.set(*name, *value);
        }
        self.secure(&mut config)?;
        for (name, value) in self.properties {
            let known = REFUSED
                .iter()
                .chain(refused)
                .find(|(known, _)| known == name);
            if let Some((_, instead)) = known {
                return Err(Error::invalid(format!(
                    "the property `{name}` is not to be set: {instead}"
                )));
            }
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => {
                    return Err(Error::invalid(format!(
                        "the property `{name}` is a text, a number, true or false"
                    )));
                }
            };
            config.set(name, value);
        }
        config.set_log_level(RDKafkaLogLevel::Info);
        config.create_native_config().map_err(wrong_property)?;
        Ok(config)
    }

    fn secure(&self, config: &mut ClientConfig) -> Result<()> {
        let files = match self.tls {
            None | Some(Tls::Plain(false)) => None,
            Some(Tls::Plain(true)) => Some(Default::default()),
            Some(Tls::Files(files)) => Some(files.clone()),
        };
        let protocol = match (files.is_some(), self.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(files) = files {
            let named = [
                ("ssl.ca.location", &files.ca),
                ("ssl.certificate.location", &files.certificate),
                ("ssl.key.location", &files.key),
            ];
            for (name, path) in named {
                let Some(path) = path else {
                    continue;
                };
                let path = self.directory.join(path);
                if !path.is_file() {
                    return Err(Error::invalid(format!(
                        "there is no file `{}`, which `tls` names",
                        path.display()
                    )));
                }
                config.set(name, path.to_string_lossy());
            }
            if let Some(password) = &files.password {
                config.set("ssl.key.password", password);
            }
        }
        if let Some(sasl) = self.sasl {
            config.set("sasl.mechanism", sasl.mechanism.name());
            config.set("sasl.username", &sasl.user);
            config.set("sasl.password", &sasl.password);
        }
        Ok(())
    }
}

/// A mistyped address would otherwise be tried again for ever.
fn check_server(server: &str) -> Result<()> {
    let port = server.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(_)) => Ok(()),
        _ => Err(Error::invalid(format!(
            "`{server}` is no server: write host:port, like \"127.0.0.1:9092\""
        ))),
    }
}

fn wrong_property(error: KafkaError) -> Error {
    match error {
        // The value may be a secret.
        KafkaError::ClientConfig(_, why, name, _) => Error::invalid(format!(
            "the property `{name}` is none of librdkafka's, or has a wrong value: {}",
            why.trim_end_matches('.')
        )),
        other => Error::invalid("the properties are wrong").because(other),
    }
}

// === impl Told ===

impl Told {
    /// Why the last thing did not work, if the client has said so since it was asked last.
    pub(crate) fn take(&self) -> Option<(KafkaError, String)> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl ClientContext for Told {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!("librdkafka {level:?} {facility}: {message}");
        // Why a broker cannot be reached is said here, and as an error much later or never.
        if facility == "FAIL" {
            let message = message.split_once("]: ").map_or(message, |(_, rest)| rest);
            let (why, state) = message.split_once(" (after").unwrap_or((message, ""));
            let code = RDKafkaErrorCode::BrokerTransportFailure;
            // A listener that wants TLS or a login does not say so: it hangs up.
            let hint = match state.contains("APIVERSION_QUERY") {
                true => "; does this port want `tls` or `sasl`?",
                false => "",
            };
            self.error(KafkaError::Global(code), &format!("{why}{hint}"));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        tracing::debug!("librdkafka: {error}: {reason}");
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // That all are down says less than why one is.
        let says_more = !error::is_down(&error) || last.is_none();
        if says_more {
            *last = Some((error, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Told {}

/// Takes what a consumer that reads nothing has to tell: it is told when it is asked for events.
pub(crate) fn listen(consumer: &BaseConsumer<Told>) {
    let mut silent = 0;
    for _ in 0..EVENTS {
        // That none comes does not mean that none is left: lines of its log are none.
        silent += u32::from(consumer.poll(Duration::from_millis(5)).is_none());
        if silent > SILENT {
            return;
        }
    }
}
