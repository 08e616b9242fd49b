//! Where rows come from.

use azud_model::{ByteSize, Column};
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::{AvroSource, Durability, Format, OnError, OnFull, Time};
use crate::{ConnectorUse, Spanned};

/// A node that rows come from: a connector, and how its records become columns.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = ["plugin", "at_end", "late"], "x-what" = "connector"))]
pub struct Source {
    /// The node's name: its table in SQL.
    #[serde(skip)]
    pub name: Spanned<String>,
    /// The connector with its options.
    #[serde(skip)]
    pub connector: ConnectorUse,
    /// The columns of a json or csv format, in their order.
    #[serde(skip)]
    pub columns: Vec<Spanned<Column>>,
    /// How the payload becomes columns; without one, the rows are as the system has them.
    pub format: Option<Spanned<Format>>,
    /// The columns of json and csv: names with SQL types.
    #[serde(default)]
    #[schemars(schema_with = "columns")]
    pub(crate) schema: Option<Spanned<IndexMap<String, Spanned<String>>>>,
    /// Whether a csv starts with a header; it does unless this is false.
    pub header: Option<Spanned<bool>>,
    /// The schemas of `format: avro`.
    #[schemars(with = "Option<AvroSource>")]
    pub avro: Option<Spanned<AvroSource>>,
    /// Columns of the system, like a topic or a path, that are kept beside those of the format.
    #[serde(default)]
    pub keep: Vec<Spanned<String>>,
    /// What happens to a record that cannot be decoded.
    #[serde(default)]
    pub on_error: OnError,
    /// How what a system pushes and cannot give again is kept, in a pipeline with a `checkpoint`.
    pub durability: Option<Spanned<Durability>>,
    /// How large its journal may grow; default: 1GiB.
    #[schemars(with = "Option<ByteSize>")]
    pub journal_size: Option<Spanned<ByteSize>>,
    /// Its event time: windows go by it.
    pub time: Option<Time>,
    /// What happens when its journal is full.
    pub on_full: Option<Spanned<OnFull>>,
    /// Whether it is a table that streams are joined with, and no stream: it is read whole, and
    /// again in the first epoch after its files have changed.
    #[serde(rename = "static")]
    pub table: Option<Spanned<bool>>,
}

// === impl Source ===

impl Source {
    /// Whether it is a table: see [`Source::table`].
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.table.as_ref().is_some_and(|table| table.value)
    }
}

fn columns(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": { "type": "string", "format": "column-type" },
    })
}
