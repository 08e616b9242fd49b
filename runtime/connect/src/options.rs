//! Options: from the manifest's mapping to a connector's own type.

use azud_model::{Error, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a connector's options. They were checked against [`options_schema`]
/// before, with better messages: this one is for what a schema cannot say.
///
/// # Errors
/// `Invalid`; the engine adds the node.
pub fn options<T: DeserializeOwned>(options: Value) -> Result<T> {
    serde_json::from_value(options).map_err(|error| Error::invalid(error.to_string()))
}

/// The schema of a connector's options, for [`crate::Connector`].
pub fn options_schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}
