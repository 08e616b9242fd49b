//! What a manifest says about a generator.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

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
    /// Its SQL type; what its values are like is up to the generator.
    Type(#[schemars(extend("format" = "column-type"))] String),
    /// Its type, and what its values are like.
    Settings(Box<ColumnSettings>),
}

/// What a column's values are like.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnSettings {
    /// Its SQL type. Dates and timestamps are the present, unless there is more about them.
    #[serde(rename = "type")]
    #[schemars(extend("format" = "column-type"))]
    pub column_type: String,
    /// The smallest value; default: 0, for dates and timestamps 1970-01-01.
    pub min: Option<Value>,
    /// The largest value; default: 100, for float and double 1, for a sequence what the type can hold.
    pub max: Option<Value>,
    /// The values to choose from.
    pub values: Option<Vec<Value>>,
    /// Whether values go from `min` to `max` and start again: true, or the step from one row to the next.
    pub sequence: Option<Step>,
    /// How long texts and binaries are; default: 10.
    #[schemars(range(max = 65536))]
    pub length: Option<usize>,
    /// How many of the values are null, from 0 to 1; default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub null_ratio: f64,
}

/// The step of a sequence.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Step {
    /// One; for timestamps a second, for dates a day.
    Flag(bool),
    /// So much.
    Number(Number),
    /// A duration, for dates and timestamps: `10ms`.
    Time(String),
}

// === impl Columns ===

impl Columns {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and what they hold, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ColumnOptions)> {
        self.0.iter().map(|(name, column)| (name.as_str(), column))
    }
}

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
    /// What is said of the column.
    pub fn settings(&self) -> ColumnSettings {
        match self {
            Self::Type(column_type) => ColumnSettings {
                column_type: column_type.clone(),
                ..ColumnSettings::default()
            },
            Self::Settings(settings) => settings.as_ref().clone(),
        }
    }
}

// === impl Step ===

impl Step {
    /// Whether there is a sequence at all.
    pub fn is_on(&self) -> bool {
        *self != Self::Flag(false)
    }
}
