//! What a manifest says about a console.

use schemars::JsonSchema;
use serde::Deserialize;

/// Writes the rows of each epoch to the standard output.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleOptions {
    /// How rows are shown.
    pub style: Style,
    /// How many rows of an epoch are shown at most; default: 20 for a table, 10 for pprint. JSON shows all.
    pub rows: Option<usize>,
    /// Whether a table cuts cells: true is at 20 characters, a number at so many.
    pub truncate: Truncate,
}

/// How rows are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Spark's console sink, one table an epoch that had input.
    #[default]
    Table,
    /// DStream's `pprint`, every epoch, empty ones too.
    Pprint,
    /// One JSON object a row.
    Json,
}

/// Where a table cuts its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Truncate {
    /// At 20 characters, or never.
    Flag(bool),
    /// At so many characters; 0 is never.
    Width(usize),
}

// === impl Truncate ===

impl Default for Truncate {
    fn default() -> Self {
        Self::Flag(true)
    }
}

impl Truncate {
    /// The longest cell, if there is a limit.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Flag(true) => Some(20),
            Self::Flag(false) | Self::Width(0) => None,
            Self::Width(width) => Some(width),
        }
    }
}

// === impl ConsoleOptions ===

impl ConsoleOptions {
    /// How many rows are shown at most.
    pub fn shown(&self) -> usize {
        self.rows.unwrap_or(match self.style {
            Style::Table => 20,
            Style::Pprint => 10,
            Style::Json => usize::MAX,
        })
    }
}
