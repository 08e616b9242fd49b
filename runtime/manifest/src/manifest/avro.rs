//! What `format: avro` is told.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Spanned;

/// By which schemas records of Avro are read.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AvroSource {
    /// A file with the schema of the columns, the reader's: `./user.avsc`.
    #[schemars(with = "String", length(min = 1))]
    pub schema: Spanned<String>,
    /// A file with the schema that all records were written by, without a `registry`; default: `schema`.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub writer: Option<Spanned<String>>,
    /// The address of a schema registry: each record begins with the id of the schema that it was written by.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub registry: Option<Spanned<String>>,
    /// How a record begins; default: confluent.
    #[schemars(with = "Option<Wire>")]
    pub wire: Option<Spanned<Wire>>,
    /// Who asks the registry.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub user: Option<Spanned<String>>,
    /// With which password: `${REGISTRY_PASSWORD}`.
    #[schemars(with = "Option<String>")]
    pub password: Option<Spanned<String>>,
    /// A bearer token, in place of user and password.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub token: Option<Spanned<String>>,
}

/// By which schema records of Avro are written.
#[derive(Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AvroSink {
    /// A file with the schema of the records; default: one is made of the columns.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub schema: Option<Spanned<String>>,
    /// The address of a schema registry: the schema is registered there, and each record begins with its id.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub registry: Option<Spanned<String>>,
    /// How a record begins; default: confluent.
    #[schemars(with = "Option<Wire>")]
    pub wire: Option<Spanned<Wire>>,
    /// What the schema is registered under; default: the sink's topic and `-value`.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub subject: Option<Spanned<String>>,
    /// Who asks the registry.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub user: Option<Spanned<String>>,
    /// With which password: `${REGISTRY_PASSWORD}`.
    #[schemars(with = "Option<String>")]
    pub password: Option<Spanned<String>>,
    /// A bearer token, in place of user and password.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub token: Option<Spanned<String>>,
}

/// How a record says which schema of the registry it was written by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// With a zero byte and an id of 4 bytes.
    #[default]
    Confluent,
    /// With a zero byte and an id of 8 bytes.
    Apicurio,
}

/// Without secrets: an address may hold a password, too.
impl fmt::Debug for AvroSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AvroSource")
            .field("schema", &self.schema)
            .field("writer", &self.writer)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

/// Without secrets: an address may hold a password, too.
impl fmt::Debug for AvroSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AvroSink")
            .field("schema", &self.schema)
            .field("wire", &self.wire)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}
