//! Avro: binary records, by schemas that writers and readers need not share.
//!
//! ```text
//! parse    JSON -> schema            columns  reader's schema -> columns
//! resolve  writer's x reader's -> plan         (the rules of evolution, once a schema)
//! decode   plan x bytes -> columns             (once a record; a bad one is taken back)
//! fit      columns x schema -> how to write;   encode  rows -> bytes
//! ```
//!
//! It is our own because a bad record must never cost its neighbours, nor the process. The
//! libraries were tried. arrow-avro 59.3 appends to columns that it cannot take back: after a
//! record that ends too early the decoder and all rows before it are lost, and a wrong enum or
//! text fails only when the batch is finished, with no word of which record it was; 10 bytes that
//! claim 20 million empty items cost 400 MB and 5 seconds; a writer's union that is wider than the
//! reader's changes the type of the column; decimals beyond their precision pass. apache-avro 0.22
//! goes as deep as a record of a type that contains itself says, which overflows the stack and
//! ends the process; a field that has another name is not found by its alias; and it makes a value
//! on the heap of every field, which is a tenth of the speed.

mod columns;
mod cursor;
mod decimal;
mod decode;
mod decoder;
mod encode;
mod encoder;
mod fit;
mod literal;
mod make;
mod parse;
mod plan;
mod reading;
mod resolve;
mod schema;
mod skip;
mod whole;
mod wire;
mod writers;

pub(super) use decoder::AvroDecoder;
pub use encoder::avro_encoder;
pub(super) use encoder::plain;
pub use reading::AvroReading;
pub use schema::AvroSchema;
pub use wire::Wire;
pub use writers::WriterSchemas;

#[cfg(test)]
mod tests;
