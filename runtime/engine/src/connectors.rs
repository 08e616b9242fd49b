//! The list of connectors: a new one is one line here.

use azud_connect::Connector;

/// Every connector that a manifest can name.
pub const CONNECTORS: [Connector; 6] = [
    azud_connector_blackhole::CONNECTOR,
    azud_connector_console::CONNECTOR,
    azud_connector_file::CONNECTOR,
    azud_connector_generator::CONNECTOR,
    azud_connector_kafka::CONNECTOR,
    azud_connector_socket::CONNECTOR,
];

/// The same list, as the manifest's grammar needs it: names and the schemas of their options.
pub fn manifest_connectors() -> Vec<azud_manifest::Connector> {
    CONNECTORS
        .iter()
        .map(|connector| azud_manifest::Connector {
            name: connector.name,
            source: connector.source.map(|(schema, _)| schema),
            sink: connector.sink.map(|(schema, _)| schema),
        })
        .collect()
}

pub(crate) fn find(name: &str) -> Option<&'static Connector> {
    const LIST: &[Connector] = &CONNECTORS;
    LIST.iter().find(|connector| connector.name == name)
}
