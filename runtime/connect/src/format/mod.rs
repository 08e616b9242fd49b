//! Formats: bytes to typed columns and back.

mod absent;
mod apart;
mod avro;
mod civil;
mod column;
mod csv;
mod decoded;
mod json;
mod make;
mod misfit;
mod options;
mod python;
mod raw;
mod shortest;
mod text;
mod traits;
mod typed;

pub use avro::{AvroReading, AvroSchema, Wire, WriterSchemas, avro_encoder};
pub use civil::DateTime;
pub use json::{row_json, whole_row_json};
pub use make::{decoder, encoder, typed_decoder};
pub use options::{Format, FormatOptions};
pub use python::PythonRows;
pub use shortest::{Shortest, ShortestFloat};
pub use traits::{Decoded, Decoder, Encoder};
