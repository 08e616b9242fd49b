//! TCP: one record a line, from a server that is connected to, or from
//! whoever connects.
//!
//! In: bytes of connections. Out: the records of each, as soon as they are
//! there. Nothing is read while nobody asks for records: the TCP window
//! closes, and whoever sends has to wait.

mod connect;
mod connection;
mod listen;
mod options;

use std::sync::Arc;

use azud_connect::{Connector, Source, SourceContext, options_schema};
use azud_model::{Error, Result};
use serde_json::Value;

pub use connect::ConnectSource;
pub use listen::ListenSource;
pub use options::SocketOptions;

/// The connector, as the engine lists it.
pub const CONNECTOR: Connector = Connector {
    name: "socket",
    source: Some((options_schema::<SocketOptions>, make)),
    sink: None,
    columns: &[("value", "binary")],
    payload: "value",
    typed: false,
    apart: false,
};

fn make(options: Value, context: SourceContext) -> Result<Arc<dyn Source>> {
    let options: SocketOptions = azud_connect::options(options)?;
    azud_connect::check_max_line(options.max_line())?;
    for address in options.connect.iter().chain(&options.listen) {
        check_address(address)?;
    }
    match (&options.connect, &options.listen) {
        (Some(address), None) => Ok(Arc::new(ConnectSource::new(address, &options, context))),
        (None, Some(address)) => Ok(Arc::new(ListenSource::new(address, &options, context))),
        _ => Err(Error::invalid(
            "a socket has either `connect: \"host:port\"` or `listen: \"host:port\"`",
        )),
    }
}

/// A mistyped address would otherwise be tried again for ever.
fn check_address(address: &str) -> Result<()> {
    let port = address
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(_)) => Ok(()),
        _ => Err(Error::invalid(format!(
            "`{address}` is no address: write host:port, like \"127.0.0.1:9999\""
        ))),
    }
}

#[cfg(test)]
#[path = "conformance_tests.rs"]
mod conformance;
