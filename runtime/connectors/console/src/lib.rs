//! The screen: Spark's tables, DStream's `pprint`, or JSON lines.
//!
//! In: rows of any type. Out: at the commit of an epoch, one write to the
//! standard output. What an epoch will show is kept until then: of a table and
//! of `pprint` only the rows that are shown, of JSON lines all of them, beyond
//! 1 MiB in a temporary file.

mod cell;
mod json;
mod options;
mod pprint;
mod shown;
mod sink;
mod table;

use std::sync::Arc;

use azud_connect::{Connector, Sink, SinkContext, options_schema};
use azud_model::Result;
use serde_json::Value;

pub use options::{ConsoleOptions, Style, Truncate};
pub use sink::{Console, Screen};

/// The connector, as the engine lists it.
pub const CONNECTOR: Connector = Connector {
    name: "console",
    source: None,
    sink: Some((options_schema::<ConsoleOptions>, make)),
    columns: &[],
    payload: "",
    typed: false,
    apart: false,
};

fn make(options: Value, _context: SinkContext) -> Result<Arc<dyn Sink>> {
    let options = azud_connect::options(options)?;
    Ok(Arc::new(Console::new(&options, sink::stdout())))
}
