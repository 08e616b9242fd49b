//! What a sink's plugin may reach.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::Spanned;

/// What a sink's plugin may reach; everything else is refused.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Servers that it may send HTTP requests to: `host:port`, or a host for the
    /// ports 80 and 443.
    #[serde(default)]
    #[schemars(schema_with = "optional_list")]
    pub http: Option<Vec<Spanned<String>>>,
    /// Servers that it may open TCP connections to: `host:port`.
    #[serde(default)]
    #[schemars(schema_with = "optional_list")]
    pub tcp: Option<Vec<Spanned<String>>>,
    /// Folders that it may open files in, relative to the manifest: `read`, or `write` as well.
    #[serde(default)]
    #[schemars(schema_with = "folders")]
    pub dirs: IndexMap<String, Spanned<Access>>,
    /// Environment variables that it sees.
    #[serde(default)]
    #[schemars(schema_with = "optional_list")]
    pub env: Vec<Spanned<String>>,
    /// Environment variables that it sees and whose values no log shows.
    #[serde(default)]
    #[schemars(schema_with = "optional_list")]
    pub secrets: Vec<Spanned<String>>,
}

/// What may be done in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Files may be read.
    Read,
    /// Files may be read, made, changed and removed.
    Write,
}

fn folders(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": generator.subschema_for::<Access>(),
    })
}

/// One or several; none is a statement too.
fn optional_list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string", "minLength": 1 } },
        ],
    })
}
