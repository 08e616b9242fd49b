//! What must come out of what goes in: the section `tests`.

use azud_model::Duration;
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
    /// What happens: a step, or a list of them. A step has the rows of each source (a string is a
    /// record that the source's format decodes, a map a typed row), and may have `restart`,
    /// `advance` and `expect`.
    #[schemars(schema_with = "input")]
    pub input: Vec<TestStep>,
    /// All rows that each of these nodes must give, in any order; empty where only steps say what
    /// comes out.
    #[schemars(schema_with = "expect", default)]
    pub expect: IndexMap<String, TestRows>,
    /// Which rows of a changing result are expected; `complete` for aggregates unless said.
    pub mode: Option<Spanned<Mode>>,
}

/// A step of a test: what happens in it, in the order of its fields, until nothing more comes.
#[derive(Clone, Debug)]
pub struct TestStep {
    /// Before the rest the pipeline is stopped, and another one goes on from its checkpoint;
    /// `None` where nobody says so.
    pub restart: Option<Span>,
    /// So much later than usual the step is.
    pub advance: Option<Spanned<Duration>>,
    /// The rows of each source.
    pub rows: IndexMap<String, TestRows>,
    /// The rows that nodes must give in this step.
    pub expect: IndexMap<String, TestRows>,
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

fn input(generator: &mut SchemaGenerator) -> Schema {
    let step = json_schema!({
        "type": "object",
        "x-expected": "a map of sources to lists of rows",
        "properties": {
            "restart": {
                "type": "boolean",
                "description": "Before the rest the pipeline stops, and goes on from its checkpoint.",
            },
            "advance": generator.subschema_for::<Duration>(),
            "expect": expect(generator),
        },
        "additionalProperties": {
            "type": "array",
            "items": { "type": ["string", "object"] },
        },
    });
    json_schema!({
        "anyOf": [
            step,
            { "type": "array", "items": step, "minItems": 1, "x-expected": "a list of them" },
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
