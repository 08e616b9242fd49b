//! Options with a fixed set of values.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the payload of a record becomes columns, and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(extend("x-later" = ["parquet", "orc", "protobuf"]))]
pub enum Format {
    /// UTF-8 text, one column `value`.
    Text,
    /// One JSON object a record.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// Bytes as they are, one column `value`.
    Raw,
    /// Binary records by a schema, see `avro`: of systems that keep records apart.
    Avro,
}

impl Format {
    /// Whether its columns come from the manifest's `schema`.
    #[must_use]
    pub const fn needs_schema(self) -> bool {
        matches!(self, Self::Json | Self::Csv)
    }

    /// The name in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Raw => "raw",
            Self::Avro => "avro",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which rows of a changing result a sink is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// New rows that never change again.
    #[default]
    Append,
    /// Rows that changed since the last epoch.
    Update,
    /// The whole result, every epoch.
    Complete,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Append => "append",
            Self::Update => "update",
            Self::Complete => "complete",
        })
    }
}

/// What happens to a record that fails where nobody reads the node's `rejected`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The pipeline stops with the reason.
    #[default]
    Stop,
    /// The record is dropped and counted.
    Drop,
}

/// How long a SQL node keeps its aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateScope {
    /// For one epoch.
    Batch,
}

/// What becomes of rows that come after the watermark has closed what they belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LateRows {
    /// They go to `<node>.late`.
    #[default]
    Output,
    /// They are dropped.
    Drop,
    /// They count all the same: nothing is closed.
    Update,
}

/// How what a system pushes and cannot give again is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On disk, in the checkpoint, until the epoch that it belongs to is committed.
    #[default]
    Journal,
    /// Not at all: a crash loses what was not committed.
    Memory,
}

/// What happens when a journal is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFull {
    /// Nothing more is read: whoever sends waits.
    #[default]
    Wait,
    /// What comes is dropped, and counted.
    Drop,
}
