//! What a manifest says about a generator.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Makes rows up. The same seed gives the same rows at any parallelism.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GeneratorOptions {
    /// How many rows there are in all; without it, there is no end.
    pub rows: Option<u64>,
    /// How many rows come in a second; without it, as many as are taken.
    #[schemars(range(min = 1))]
    pub rows_per_second: Option<u64>,
    /// What chance starts from; default: 0.
    #[serde(default)]
    pub seed: u64,
    /// The columns, by name: a type (`bigint`), or a type and what its values are like.
    pub columns: Columns,
}

/// The columns in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns(pub Vec<(String, ColumnOptions)>);

/// A column: its type, or more about it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ColumnOptions {
    /// Its SQL type; values are of the type's usual range.
    Type(String),
    /// Its type, and what its values are like.
    Spec(Spec),
}

/// What a column's values are like.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its SQL type.
    #[serde(rename = "type")]
    pub column_type: String,
    /// The smallest value; default: 0, for dates and times 2026-01-01. A sequence starts here.
    pub min: Option<Value>,
    /// The largest value; default: 1000000 or what the type can hold, 1 for float and double, a year after the smallest for dates and times.
    pub max: Option<Value>,
    /// The values to choose from.
    pub values: Option<Vec<Value>>,
    /// Whether values count up from `min`, one a row; times by a row's share of a second.
    /// Default: true for timestamps that have no `max`, else false.
    pub sequence: Option<bool>,
    /// How many of the values are null, from 0 to 1; default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub null_ratio: f64,
}

// === impl Columns ===

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Columns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("columns by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Columns, A::Error> {
                let mut columns = Vec::new();
                while let Some(column) = map.next_entry()? {
                    columns.push(column);
                }
                Ok(Columns(columns))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl JsonSchema for Columns {
    fn schema_name() -> Cow<'static, str> {
        "Columns".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, ColumnOptions>::json_schema(generator)
    }
}

// === impl ColumnOptions ===

impl ColumnOptions {
    pub(crate) fn spec(self) -> Spec {
        match self {
            Self::Type(column_type) => Spec {
                column_type,
                ..Spec::default()
            },
            Self::Spec(spec) => spec,
        }
    }
}
