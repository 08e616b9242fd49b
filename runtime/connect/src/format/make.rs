//! From a format's name to its decoder and encoder.

use arrow::datatypes::SchemaRef;
use azud_model::{Error, Result};

use super::absent::Absent;
use super::avro::{self, AvroDecoder};
use super::csv::{CsvDecoder, CsvEncoder};
use super::json::{JsonDecoder, JsonEncoder};
use super::raw::{RawDecoder, RawEncoder};
use super::text::{TextDecoder, TextEncoder};
use super::typed::TypedDecoder;
use crate::{Decoder, Encoder, Format, FormatOptions};

/// A decoder for a lane.
///
/// # Errors
/// `Invalid` if the format cannot hold a column of the schema.
pub fn decoder(options: &FormatOptions) -> Result<Box<dyn Decoder>> {
    let decoder: Box<dyn Decoder> = match options.format {
        Format::Text => Box::new(TextDecoder::new(&options.keep)),
        Format::Raw => Box::new(RawDecoder::new(options)),
        Format::Json => Box::new(JsonDecoder::new(options)),
        Format::Csv => Box::new(CsvDecoder::new(options)?),
        Format::Avro => match &options.avro {
            Some(reading) => Box::new(AvroDecoder::new(reading, &options.keep)),
            None => return Err(Error::invalid("format `avro` has no schema to read by")),
        },
    };
    let kept = options.keep.iter().map(|column| column.name.clone());
    Ok(Box::new(Absent::new(decoder, kept.collect())))
}

/// The decoder of a source that makes typed columns itself: it hands them on.
pub fn typed_decoder(schema: SchemaRef) -> Box<dyn Decoder> {
    Box::new(TypedDecoder::new(schema))
}

/// An encoder for a lane.
///
/// # Errors
/// `Invalid` if the format has no way to write a column of the schema.
pub fn encoder(format: Format, schema: &SchemaRef) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        Format::Text => Box::new(TextEncoder),
        Format::Raw => Box::new(RawEncoder::new(schema)?),
        Format::Json => Box::new(JsonEncoder::new(schema)?),
        Format::Csv => Box::new(CsvEncoder::new(schema)?),
        Format::Avro => Box::new(avro::plain(schema)?),
    })
}
