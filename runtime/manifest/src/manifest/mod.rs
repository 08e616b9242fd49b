//! The checked manifest. Each type is at once what users write (its JSON Schema), what serde reads and
//! what the engine gets; fields that serde skips are filled in from the keys of the tree.

mod avro;
mod checkpoint;
mod choices;
mod grants;
mod pipeline;
mod plugin;
mod sink;
mod source;
mod test;
mod time;
mod transform;
mod trigger;

pub use avro::{AvroSink, AvroSource, Wire};
pub use checkpoint::Checkpoint;
pub use choices::{Durability, Format, LateRows, Mode, OnError, OnFull, StateScope};
pub use grants::{Access, Grants};
pub use pipeline::Manifest;
pub(crate) use pipeline::Root;
pub use plugin::{Limits, Plugin, PluginFile};
pub use sink::Sink;
pub use source::Source;
pub use test::{Test, TestRow, TestRows, TestStep};
pub use time::{AtEnd, Time};
pub use transform::{Step, Transform};
pub use trigger::Trigger;

use schemars::{Schema, SchemaGenerator, json_schema};

/// The schema of `from`: one node or a list of them.
fn one_or_many(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1, "x-expected": "a list of names" },
        ],
    })
}
