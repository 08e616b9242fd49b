//! Manifests: YAML text in, a checked [`Manifest`] out, or a [`Report`] of all that is wrong, each
//! error with its place, the line with a caret, and what to write instead.
//!
//! ```text
//! text -> yaml        a tree in which everything knows its place
//!      -> substitute  ${NAME} from the environment
//!      -> shape       does the tree fit the JSON Schema?  (schema: ours and the connectors')
//!      -> decode      serde: node by node, so that one bad node hides no other
//!      -> check       names, references, cycles, keys that need or exclude each other
//!      -> Manifest
//! ```
//!
//! No I/O: the caller gives the text, the environment and the list of connectors, and later stages
//! (queries, plugins, files) hand their errors back as [`Diagnostic`]s with [`Manifest::diagnostic`].

mod check;
mod columns;
mod connector;
mod decode;
mod diagnostic;
mod draft;
mod inside;
mod manifest;
mod nearest;
mod parse;
mod render;
mod report;
mod schema;
mod shape;
mod span;
mod substitute;
mod tests;
mod text;
mod yaml;

pub use azud_model::{ByteSize, Column, ColumnType, Duration};
pub use check::{MAX_NODES, find_cycle};
pub use connector::{Connector, ConnectorUse, OptionsSchema};
pub use diagnostic::Diagnostic;
pub use manifest::{
    Access, AtEnd, AvroSink, AvroSource, Checkpoint, Durability, Format, Grants, LateRows, Limits,
    Manifest, Mode, OnError, OnFull, Plugin, PluginFile, Sink, Source, StateScope, Step, Test,
    TestRow, TestRows, TestStep, Time, Transform, Trigger, Wire,
};
pub use nearest::did_you_mean;
pub use parse::parse;
pub use report::Report;
pub use schema::json_schema;
pub use span::{Span, Spanned};
