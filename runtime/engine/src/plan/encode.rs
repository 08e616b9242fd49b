//! What makes bytes of a sink's rows.

use arrow::datatypes::SchemaRef;
use azud_connect::{Encoder, Format, encoder};
use azud_model::Result;

use super::avro::PlanAvro;

/// A format, with what it has to know.
pub(crate) enum Encode {
    /// One that its name says all of.
    Plain(Format),
    /// Avro, with its schema.
    Avro(PlanAvro),
}

// === impl Encode ===

impl Encode {
    /// The format's name in a manifest.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Plain(format) => format.to_string(),
            Self::Avro(_) => Format::Avro.to_string(),
        }
    }

    /// An encoder for a lane.
    ///
    /// # Errors
    /// `Invalid` if the format has no way to write a column of the schema.
    pub(crate) fn encoder(&self, schema: &SchemaRef) -> Result<Box<dyn Encoder>> {
        match self {
            Self::Plain(format) => encoder(*format, schema),
            Self::Avro(avro) => avro.encoder(schema),
        }
    }
}
