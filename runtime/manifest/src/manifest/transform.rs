//! What is done with rows.

use std::num::NonZeroUsize;

use azud_model::Duration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{LateRows, OnError, StateScope, one_or_many};
use crate::Spanned;

/// A node that makes rows of rows: a SQL query or a plugin.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-later" = ["time", "at_end", "checkpoint"],
    "oneOf" = [{ "required": ["sql"] }, { "required": ["plugin"] }],
))]
pub struct Transform {
    /// The node's name: its table in SQL.
    #[serde(skip)]
    pub name: Spanned<String>,
    /// What a plugin reads: a node, or several whose rows are united.
    #[serde(default)]
    #[schemars(schema_with = "one_or_many")]
    pub from: Vec<Spanned<String>>,
    /// A query; its tables are the nodes that it reads.
    #[schemars(extend("minLength" = 1))]
    pub sql: Option<Spanned<String>>,
    /// A plugin, by its name under `plugins`.
    pub plugin: Option<Spanned<String>>,
    /// Columns by which a plugin with state knows its rows: one, or several.
    #[serde(default)]
    #[schemars(schema_with = "one_or_many")]
    pub key: Vec<Spanned<String>>,
    /// What the plugin is opened with.
    pub config: Option<Spanned<Value>>,
    /// The most rows that a plugin is given at once.
    pub max_rows: Option<Spanned<NonZeroUsize>>,
    /// How long rows wait for more before a plugin is given them.
    pub max_wait: Option<Spanned<Duration>>,
    /// What happens to a row that fails.
    #[serde(default)]
    pub on_error: OnError,
    /// What becomes of rows that are late for it. All are counted.
    pub late: Option<Spanned<LateRows>>,
    /// `batch` clears a query's aggregates at each epoch.
    pub state: Option<Spanned<StateScope>>,
}

/// What a transform does.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A query.
    Sql(&'a Spanned<String>),
    /// A plugin, by its name.
    Plugin(&'a Spanned<String>),
}

impl Transform {
    /// What it does: the shape allows exactly one of the two.
    #[must_use]
    pub fn step(&self) -> Step<'_> {
        match (&self.sql, &self.plugin) {
            (Some(sql), _) => Step::Sql(sql),
            (None, Some(plugin)) => Step::Plugin(plugin),
            (None, None) => Step::Sql(&self.name),
        }
    }
}
