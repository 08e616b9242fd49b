//! What must come out of what goes in: the section `tests`.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::Mode;
use crate::{Span, Spanned};

/// A test: rows for sources, and the rows that nodes must make of them.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Test {
    /// What it is called; no other test of the manifest is called so.
    #[schemars(extend("minLength" = 1))]
    pub name: Spanned<String>,
    /// The rows of each source: those of one epoch, or a list of epochs. A string is a record that
    /// the source's format decodes, a map a typed row.
    #[schemars(schema_with = "input")]
    pub input: Vec<IndexMap<String, TestRows>>,
    /// All rows that each of these nodes must give, in any order.
    #[schemars(schema_with = "expect")]
    pub expect: IndexMap<String, TestRows>,
    /// Which rows of a changing result are expected; `complete` for aggregates unless said.
    pub mode: Option<Spanned<Mode>>,
}

/// Rows of a node.
#[derive(Clone, Debug)]
pub struct TestRows {
    /// The node, as the test names it: also `<node>.rejected`.
    pub node: Spanned<String>,
    /// The rows, in the order of the manifest.
    pub rows: Vec<TestRow>,
}

/// A row: a record's text, or a map of its columns.
#[derive(Clone, Debug)]
pub struct TestRow {
    /// A string or an object.
    pub value: Spanned<Value>,
    columns: IndexMap<String, Span>,
}

// === impl TestRow ===

impl TestRow {
    pub(crate) const fn new(value: Spanned<Value>, columns: IndexMap<String, Span>) -> Self {
        Self { value, columns }
    }

    /// Where a column's name is written; the whole row where it is not.
    #[must_use]
    pub fn column_span(&self, column: &str) -> Span {
        self.columns.get(column).copied().unwrap_or(self.value.span)
    }
}

fn input(_: &mut SchemaGenerator) -> Schema {
    let epoch = json_schema!({
        "type": "object",
        "x-expected": "a map of sources to lists of rows",
        "additionalProperties": {
            "type": "array",
            "items": { "type": ["string", "object"] },
        },
    });
    json_schema!({
        "anyOf": [
            epoch,
            { "type": "array", "items": epoch, "minItems": 1, "x-expected": "a list of them" },
        ],
    })
}

fn expect(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": { "type": "array", "items": { "type": "object" } },
    })
}
