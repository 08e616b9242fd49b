//! Made-up rows: for demos, tests and benchmarks.
//!
//! In: nothing. Out: typed columns. Rows are made in blocks, each from its own
//! seed, and blocks are dealt to the readers by number: so the same seed gives
//! the same rows at any parallelism.

mod column;
mod options;
mod source;

use azud_connect::{Connector, options_schema};

pub use options::{ColumnOptions, Columns, GeneratorOptions, Spec};
pub use source::Generator;

/// The connector, as the engine lists it.
pub const CONNECTOR: Connector = Connector {
    name: "generator",
    source: Some((options_schema::<GeneratorOptions>, source::make)),
    sink: None,
    metadata: &[],
    typed: true,
};
