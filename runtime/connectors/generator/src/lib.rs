//! Made-up rows: for demos, tests and benchmarks.
//!
//! In: nothing. Out: typed columns. A row is made of its number, the seed and
//! its columns' names alone, and rows are dealt to the readers in blocks: so
//! the same seed gives the same rows at any parallelism.

mod blocks;
mod column;
mod draw;
mod literal;
mod maker;
mod options;
mod pace;
mod range;
mod source;
mod whole;

use std::sync::Arc;

use azud_connect::{Connector, Source, SourceContext, options_schema};
use azud_model::Result;
use serde_json::Value;

pub use options::{ColumnOptions, ColumnSettings, Columns, GeneratorOptions, Step};
pub use source::Generator;

/// The connector, as the engine lists it.
pub const CONNECTOR: Connector = Connector {
    name: "generator",
    source: Some((options_schema::<GeneratorOptions>, make)),
    sink: None,
    columns: &[],
    payload: "",
    typed: true,
    apart: false,
};

fn make(options: Value, context: SourceContext) -> Result<Arc<dyn Source>> {
    let options = azud_connect::options(options)?;
    Ok(Arc::new(Generator::new(&options, &context)?))
}
