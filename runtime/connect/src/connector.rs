//! How the runtime finds and makes a connector.

use std::path::PathBuf;
use std::sync::Arc;

use azud_model::{Clock, Mode, Result};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::{Framing, Group, Sink, Source};

/// Writes the JSON Schema of a connector's options.
pub type OptionsSchema = fn(&mut SchemaGenerator) -> Schema;

/// Makes a source of options that fit their schema.
pub type MakeSource = fn(Value, SourceContext) -> Result<Arc<dyn Source>>;

/// Makes a sink of options that fit their schema.
pub type MakeSink = fn(Value, SinkContext) -> Result<Arc<dyn Sink>>;

/// A system that Azud can read from, write to, or both. Each connector crate
/// has one value of this, and the engine one list of them.
#[derive(Clone, Copy, Debug)]
pub struct Connector {
    /// Its key in a manifest: `file`, `socket`.
    pub name: &'static str,
    /// How to read from it, where that is possible: its options' schema, and a
    /// function that makes a source of options that fit the schema.
    pub source: Option<(OptionsSchema, MakeSource)>,
    /// How to write to it.
    pub sink: Option<(OptionsSchema, MakeSink)>,
    /// Name and SQL type of the columns that its source has, in their order: those of a `raw`
    /// source. Beside the payload they can be kept (`keep: [path]`).
    pub columns: &'static [(&'static str, &'static str)],
    /// Which of the columns is the payload, `binary`: what a format decodes.
    pub payload: &'static str,
    /// Whether its source makes typed columns itself (`generator`): it then
    /// takes no `format`, and [`Source::schema`] says what they are.
    pub typed: bool,
    /// Whether its source keeps records apart from each other, so that one may hold any bytes.
    pub apart: bool,
}

/// What a source is told.
#[derive(Clone, Debug)]
pub struct SourceContext {
    /// The pipeline's name.
    pub pipeline: String,
    /// The node's name.
    pub node: String,
    /// Relative paths start here: the manifest's folder.
    pub directory: PathBuf,
    /// How many lanes there are: open at most so many readers.
    pub lanes: usize,
    /// `trigger: once`: read to the present end, then [`crate::Read::End`].
    pub finite: bool,
    /// How the format cuts a byte stream into records.
    pub framing: Framing,
    /// The columns of [`Connector::columns`], beside the payload, that the pipeline uses.
    pub metadata: Vec<String>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a sink is told.
#[derive(Clone, Debug)]
pub struct SinkContext {
    /// The pipeline's name.
    pub pipeline: String,
    /// The node's name.
    pub node: String,
    /// Relative paths start here: the manifest's folder.
    pub directory: PathBuf,
    /// How many lanes write.
    pub lanes: usize,
    /// `append`, `update` or `complete`, whatever the node's mode is.
    pub mode: Mode,
    /// The name of the node's format, `json` where it has none: also a file's extension.
    pub format: String,
    /// What every file of that format starts with: CSV's line of names.
    pub header: Vec<u8>,
    /// Whether the pipeline has a checkpoint: [`Sink::recover`] is called before
    /// the first writer is asked for, and tells what an earlier start has left.
    /// What only it can judge is not for [`Sink::check`] then.
    pub checkpointed: bool,
    /// The group that the pipeline's source shares its partitions with.
    pub group: Option<Group>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}
