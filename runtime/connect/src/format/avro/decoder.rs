//! Records to columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use azud_model::{Column, Result};

use super::AvroReading;
use super::cursor::Cursor;
use super::decode;
use super::reading::{From, Writer};
use crate::format::column::Fields;
use crate::format::decoded::{self, Fate};
use crate::{Decoded, Decoder, Records};

/// So many writers' schemas a lane has ready; the next begins anew.
const MOST_WRITERS: usize = 1_000;

/// Decodes each record by the schema that it was written by.
pub(in crate::format) struct AvroDecoder {
    schema: SchemaRef,
    fields: Fields,
    reading: AvroReading,
    /// How to read the records of each id, or why they cannot be read.
    writers: HashMap<u64, Result<Arc<Writer>, String>>,
    /// That of the record before: most often of the next, too.
    last: Option<(u64, Arc<Writer>)>,
}

// === impl AvroDecoder ===

impl AvroDecoder {
    pub(in crate::format) fn new(reading: &AvroReading, keep: &[Column]) -> Self {
        let own: Vec<Field> = reading.columns().iter().map(Column::to_arrow).collect();
        Self {
            schema: decoded::schema(own, keep),
            fields: Fields::new(reading.columns()),
            reading: reading.clone(),
            writers: HashMap::new(),
            last: None,
        }
    }

    /// Appends one record, or says why it is bad.
    fn append(&mut self, record: &[u8]) -> Result<(), String> {
        let (writer, record) = match &self.reading.from {
            From::One(writer) => (writer.clone(), record),
            From::Named(wire, _) => {
                let (id, record) = wire.split(record)?;
                (self.writer(id)?, record)
            }
        };
        let mut cursor = Cursor::new(record);
        decode::record(&writer.plan, &writer.schema, &mut cursor, &mut self.fields)?;
        match cursor.left() {
            0 => Ok(()),
            left => Err(format!(
                "{left} bytes are left behind the record's last field"
            )),
        }
    }

    fn writer(&mut self, id: u64) -> Result<Arc<Writer>, String> {
        if let Some((last, writer)) = &self.last
            && *last == id
        {
            return Ok(writer.clone());
        }
        if let Some(known) = self.writers.get(&id) {
            let writer = known.clone()?;
            self.last = Some((id, writer.clone()));
            return Ok(writer);
        }
        let known = match &self.reading.from {
            From::Named(_, writers) => writers.get(id),
            From::One(_) => None,
        };
        // Not kept: it may become known.
        let schema =
            known.ok_or_else(|| format!("the schema {id} that it was written by is not known"))?;
        let writer = self.reading.writer(schema).map(Arc::new);
        let writer = writer.map_err(|reason| {
            format!("the schema {id} that it was written by does not fit: {reason}")
        });
        if self.writers.len() >= MOST_WRITERS {
            self.writers.clear();
        }
        self.writers.insert(id, writer.clone());
        let writer = writer?;
        self.last = Some((id, writer.clone()));
        Ok(writer)
    }
}

impl Decoder for AvroDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, records: &Records) -> Result<Decoded> {
        let mut row = 0;
        let fate = Fate::of(records, |index| {
            let appended = self.append(records.payload.record(index));
            match appended {
                Ok(()) => row += 1,
                Err(_) => self.fields.truncate(row),
            }
            appended.map(|()| true)
        });
        fate.decoded(&self.schema, self.fields.finish()?)
    }
}
