//! What other implementations wrote, read; the specification's examples; what must not be believed.

mod bad;
mod columns;
mod encode;
mod evolution;
mod goldens;
mod named;
mod speed;

use std::sync::Arc;

use azud_model::Partition;

use super::{AvroReading, AvroSchema};
use crate::{Decoded, Decoder, Format, FormatOptions, Payload, Records, decoder, row_json};

/// A schema of JSON.
fn schema(text: &str) -> Arc<AvroSchema> {
    Arc::new(text.parse().unwrap())
}

/// A record of these fields: `("a", "\"int\"")`.
fn record_of(fields: &[(&str, &str)]) -> Arc<AvroSchema> {
    let fields = fields.iter();
    let fields = fields.map(|(name, of)| format!(r#"{{"name":"{name}","type":{of}}}"#));
    let fields = fields.collect::<Vec<_>>().join(",");
    schema(&format!(
        r#"{{"type":"record","name":"R","fields":[{fields}]}}"#
    ))
}

fn reading(reading: AvroReading) -> Box<dyn Decoder> {
    let options = FormatOptions {
        format: Format::Avro,
        schema: Vec::new(),
        header: true,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: Some(reading),
    };
    decoder(&options).unwrap()
}

/// Reads bare records of one schema by another.
fn bare(writer: &Arc<AvroSchema>, reader: &Arc<AvroSchema>) -> Box<dyn Decoder> {
    reading(AvroReading::bare(reader.clone(), Some(writer.clone())).unwrap())
}

fn records<T: AsRef<[u8]>>(all: &[T]) -> Records {
    Records {
        partition: Arc::new(Partition {
            source: "in".to_owned(),
            name: "t-0".to_owned(),
        }),
        first: 100,
        positions: None,
        payload: all.iter().collect::<Payload>(),
        bad: Vec::new(),
        header: None,
        metadata: None,
    }
}

/// The rows, in JSON.
fn rows(decoded: &Decoded) -> Vec<String> {
    let batch = decoded.batch.columns();
    let rows = (0..batch.num_rows()).map(|row| String::from_utf8(row_json(batch, row)).unwrap());
    rows.collect()
}

/// What one record becomes: a row in JSON, or why it is bad.
fn read(
    writer: &Arc<AvroSchema>,
    reader: &Arc<AvroSchema>,
    bytes: &[u8],
) -> Result<String, String> {
    let decoded = bare(writer, reader).decode(&records(&[bytes])).unwrap();
    match decoded.bad.first() {
        Some(bad) => Err(bad.reason.clone()),
        None => Ok(rows(&decoded).remove(0)),
    }
}
