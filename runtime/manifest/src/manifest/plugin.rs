//! The components that transforms, sinks and queries name.

use azud_model::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Grants;
use crate::Spanned;

/// A WebAssembly component: a file, or a source that is built when it is out of date.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [{ "required": ["path"] }, { "required": ["source"] }],
))]
pub struct Plugin {
    /// The name that nodes and queries call it by.
    #[serde(skip)]
    pub name: Spanned<String>,
    /// The component's file, relative to the manifest.
    #[schemars(extend("minLength" = 1))]
    pub path: Option<Spanned<String>>,
    /// The folder of its source, relative to the manifest.
    #[schemars(extend("minLength" = 1))]
    pub source: Option<Spanned<String>>,
    /// The digest that the component must have.
    #[schemars(extend(
        "pattern" = "^[0-9a-fA-F]{64}$",
        "x-expected" = "64 hexadecimal digits, as sha256sum prints them",
    ))]
    pub sha256: Option<Spanned<String>>,
    /// What it may use up.
    #[serde(default)]
    pub limits: Limits,
    /// What an aggregate is opened with; transforms and sinks have theirs beside `plugin`.
    pub config: Option<Spanned<Value>>,
    /// What it may reach, if it is a sink; nothing unless said.
    pub grants: Option<Spanned<Grants>>,
}

/// What a plugin may use up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The memory of one instance; 64MiB unless said.
    pub memory: Option<ByteSize>,
    /// The time for one batch; 1s unless said.
    pub deadline: Option<Duration>,
    /// The time for one call of a sink, what it waits for others included; 30s unless said.
    pub timeout: Option<Duration>,
    /// What one call may answer with; 24MiB unless said, of a sink at most 8MiB.
    pub output: Option<ByteSize>,
    /// The lines that it may log in a second; 100 unless said.
    pub log_rate: Option<u32>,
}

/// Where a plugin's component comes from.
#[derive(Clone, Copy, Debug)]
pub enum PluginFile<'a> {
    /// A component that is there.
    Path(&'a Spanned<String>),
    /// A folder to build it from.
    Source(&'a Spanned<String>),
}

impl Plugin {
    /// Where its component comes from: the shape allows exactly one of the two.
    #[must_use]
    pub fn file(&self) -> PluginFile<'_> {
        match (&self.path, &self.source) {
            (Some(path), _) => PluginFile::Path(path),
            (None, Some(source)) => PluginFile::Source(source),
            (None, None) => PluginFile::Path(&self.name),
        }
    }
}
