//! Files: read from a file, a folder or a glob, plain or compressed; written
//! as folders a batch, as rolling files, or as a table.
//!
//! In: `source` finds files, oldest first, deals them to the lanes' readers,
//! and each reader gives the records of one file after the other, cut and
//! decompressed on a thread of its own. Out: `sink` writes under hidden
//! names, makes what an epoch wrote durable, and renames it at the commit.

mod list;
mod object;
mod options;
mod sink;
mod source;
mod tokens;

use azud_connect::{Connector, options_schema};

pub use options::{FileSinkOptions, FileSourceOptions, Layout, Roll};

/// The connector, as the engine lists it.
pub const CONNECTOR: Connector = Connector {
    name: "file",
    source: Some((options_schema::<FileSourceOptions>, source::make)),
    sink: Some((options_schema::<FileSinkOptions>, sink::make)),
    columns: &[("value", "binary"), ("path", "string")],
    payload: "value",
    typed: false,
    apart: false,
};
