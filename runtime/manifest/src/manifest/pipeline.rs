//! The whole.

use std::{num::NonZeroUsize, sync::Arc};

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, de::IgnoredAny};

use super::{AtEnd, Checkpoint, Plugin, Sink, Source, Test, Transform, Trigger};
use crate::{Diagnostic, Span, Spanned, inside, text::Text};

/// A stream-processing pipeline of Azud.
// The maps are for the schema: they are read node by node, so that one bad node hides no other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the maps of nodes are there for the schema")]
#[schemars(extend("x-later" = ["durability", "time", "delivery"]))]
pub(crate) struct Root {
    /// The pipeline's identity.
    #[schemars(extend(
        "pattern" = "^[A-Za-z_][A-Za-z0-9_-]*$",
        "x-expected" = "letters, digits, `_` and `-`, not starting with a digit or `-`",
    ))]
    pub(crate) name: Spanned<String>,
    /// When an epoch ends: `continuous` (the default), `once`, or so often, like 5s.
    #[serde(default)]
    pub(crate) trigger: Spanned<Trigger>,
    /// How many lanes work side by side; the number of cores unless said.
    // Keys are dealt to lanes in 256 groups: further lanes would have none.
    #[schemars(range(min = 1, max = 256))]
    pub(crate) parallelism: Option<NonZeroUsize>,
    /// Where epochs are recorded, so that a crash loses and doubles nothing.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// The sink for every `rejected` that nobody else reads.
    pub(crate) dead_letters: Option<Spanned<String>>,
    /// What becomes of open windows when all sources have ended; `close` unless said.
    #[serde(default)]
    pub(crate) at_end: AtEnd,
    /// Where rows come from.
    #[schemars(schema_with = "at_least_one::<Source>")]
    pub(crate) sources: IgnoredAny,
    /// What is done with rows.
    #[serde(default)]
    #[schemars(schema_with = "nodes::<Transform>")]
    pub(crate) transforms: IgnoredAny,
    /// Where rows go.
    #[schemars(schema_with = "at_least_one::<Sink>")]
    pub(crate) sinks: IgnoredAny,
    /// The components that transforms name.
    #[serde(default)]
    #[schemars(schema_with = "nodes::<Plugin>")]
    pub(crate) plugins: IgnoredAny,
    /// What must come out of what goes in, for `azud test`.
    #[serde(default)]
    #[schemars(with = "Vec<Test>")]
    pub(crate) tests: IgnoredAny,
}

/// A manifest whose shape, names and references are right.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub(crate) text: Arc<Text>,
    /// The pipeline's identity.
    pub name: Spanned<String>,
    /// When an epoch ends.
    pub trigger: Spanned<Trigger>,
    /// How many lanes work side by side; the number of cores unless said.
    pub parallelism: Option<NonZeroUsize>,
    /// Where epochs are recorded, so that a crash loses and doubles nothing.
    pub checkpoint: Option<Checkpoint>,
    /// The sink for every `rejected` that nobody else reads.
    pub dead_letters: Option<Spanned<String>>,
    /// What becomes of open windows when all sources have ended.
    pub at_end: AtEnd,
    /// Where rows come from, in the order of the manifest.
    pub sources: IndexMap<String, Source>,
    /// What is done with rows, in the order of the manifest.
    pub transforms: IndexMap<String, Transform>,
    /// Where rows go, in the order of the manifest.
    pub sinks: IndexMap<String, Sink>,
    /// The components that transforms name.
    pub plugins: IndexMap<String, Plugin>,
    /// What must come out of what goes in; a run has no use for it.
    pub tests: Vec<Test>,
}

impl Manifest {
    /// The manifest's name, as it was given to [`parse`](crate::parse).
    #[must_use]
    pub fn file(&self) -> &str {
        &self.text.name
    }

    /// The manifest's text, which spans are places in.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text.text
    }

    /// An error that a later stage found, at its place in the manifest.
    #[must_use]
    pub fn diagnostic(
        &self,
        span: Span,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Diagnostic {
        Diagnostic {
            text: Arc::clone(&self.text),
            span,
            message: message.into(),
            help,
        }
    }

    /// The place of the bytes `start..end` of a string, like a word in a query.
    ///
    /// Where escapes or variables make it inexact, the place of the whole string.
    #[must_use]
    pub fn span_inside(&self, string: &Spanned<String>, start: usize, end: usize) -> Span {
        inside::span(&self.text, string, start, end)
    }

    /// The same for a line and a column, both counted from 1, the column in characters: what SQL
    /// parsers tell. The place is one word.
    #[must_use]
    pub fn span_at(&self, string: &Spanned<String>, line: usize, column: usize) -> Span {
        let (start, end) = inside::word_at(&string.value, line, column);
        self.span_inside(string, start, end)
    }
}

/// A map from names to nodes.
fn nodes<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
            "x-expected": "letters, digits and `_`, not starting with a digit, since SQL uses it",
        },
        "additionalProperties": generator.subschema_for::<T>(),
    })
}

fn at_least_one<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = nodes::<T>(generator);
    schema.insert("minProperties".into(), 1.into());
    schema
}
