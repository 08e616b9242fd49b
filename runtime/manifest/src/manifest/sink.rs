//! Where rows go.

use std::num::NonZeroUsize;

use azud_model::Duration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{AvroSink, Format, Mode, OnError, one_or_many};
use crate::{ConnectorUse, Span, Spanned};

/// A node that rows go to: a connector, and how columns become its records; or a plugin.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = ["delivery", "durability"], "x-what" = "connector"))]
pub struct Sink {
    /// The node's name.
    #[serde(skip)]
    pub name: Spanned<String>,
    /// The connector with its options; without a name where it is a plugin.
    #[serde(skip)]
    pub connector: ConnectorUse,
    /// What it is given: a node, or several whose rows are united. Only the sink of `dead_letters`
    /// can do without.
    #[serde(default)]
    #[schemars(schema_with = "one_or_many")]
    pub from: Vec<Spanned<String>>,
    /// A plugin, by its name under `plugins`.
    pub plugin: Option<Spanned<String>>,
    /// What the plugin is opened with.
    pub config: Option<Spanned<Value>>,
    /// The most rows that a plugin is given at once.
    pub max_rows: Option<Spanned<NonZeroUsize>>,
    /// How long rows wait for more before a plugin is given them.
    pub max_wait: Option<Spanned<Duration>>,
    /// How columns become the payload.
    pub format: Option<Spanned<Format>>,
    /// Whether a csv starts with a header; it does unless this is false.
    pub header: Option<Spanned<bool>>,
    /// The schema of `format: avro`.
    #[schemars(with = "Option<AvroSink>")]
    pub avro: Option<Spanned<AvroSink>>,
    /// Which rows of a changing result it is given; `append` unless said.
    pub mode: Option<Spanned<Mode>>,
    /// What happens to a row that cannot be written.
    #[serde(default)]
    pub on_error: OnError,
}

impl Sink {
    /// The mode, `append` unless said.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
            .as_ref()
            .map(|mode| mode.value)
            .unwrap_or_default()
    }

    /// Where the mode is written; the sink's name when it is not written.
    #[must_use]
    pub fn mode_span(&self) -> Span {
        self.mode.as_ref().map_or(self.name.span, |mode| mode.span)
    }
}
