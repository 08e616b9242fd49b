//! What this crate is told about connectors, and what it says about their use.

use indexmap::IndexMap;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::{Span, Spanned};

/// Makes the schema of a connector's options, mostly `|generator| generator.subschema_for::<Options>()`.
pub type OptionsSchema = fn(&mut SchemaGenerator) -> Schema;

/// A connector that nodes can name by its key.
#[derive(Clone, Copy, Debug)]
pub struct Connector {
    /// The key.
    pub name: &'static str,
    /// The options as a source, if it can be one.
    pub source: Option<OptionsSchema>,
    /// The options as a sink, if it can be one.
    pub sink: Option<OptionsSchema>,
}

/// A connector in a node, with its options.
#[derive(Clone, Debug, Default)]
pub struct ConnectorUse {
    /// The key that names the connector.
    pub name: Spanned<String>,
    /// The options: they fit the connector's schema, and it deserialises them.
    pub options: Value,
    spans: IndexMap<String, Span>,
}

/// Two are equal wherever they are written.
impl PartialEq for ConnectorUse {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.options == other.options
    }
}

impl ConnectorUse {
    pub(crate) const fn new(
        name: Spanned<String>,
        options: Value,
        spans: IndexMap<String, Span>,
    ) -> Self {
        Self {
            name,
            options,
            spans,
        }
    }

    /// Where an option's value is written; the connector's name when it is not written.
    #[must_use]
    pub fn option_span(&self, option: &str) -> Span {
        self.spans.get(option).copied().unwrap_or(self.name.span)
    }
}
