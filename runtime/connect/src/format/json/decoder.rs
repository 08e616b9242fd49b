//! Objects to columns, in one pass.
//!
//! Arrow's own JSON decoder is not used to read: it takes `1.9` for 1, `"7"`
//! for 7, objects without commas and several objects in one line, and does not
//! say which record of a chunk it stumbled over. To be strict beside it costs a
//! second pass over the same bytes; seeds that append to columns do both in
//! one, in about the time that Arrow takes for its part alone.

use std::str;

use arrow::datatypes::{Field, SchemaRef};
use azud_model::{Column, Result};
use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::again;
use super::seed::Row;
use crate::format::column::Fields;
use crate::format::decoded::{self, Fate};
use crate::format::text::utf8;
use crate::{Decoded, Decoder, FormatOptions, Records};

pub(in crate::format) struct JsonDecoder {
    schema: SchemaRef,
    columns: Vec<Column>,
    fields: Fields,
}

// === impl JsonDecoder ===

impl JsonDecoder {
    pub(in crate::format) fn new(options: &FormatOptions) -> Self {
        let own: Vec<Field> = options.schema.iter().map(Column::to_arrow).collect();
        Self {
            schema: decoded::schema(own, &options.keep),
            columns: options.schema.clone(),
            fields: Fields::new(&options.schema),
        }
    }

    /// Appends one record; answers how many rows it is, none if it is blank, or why it is bad.
    fn append(&mut self, row: usize, record: &str) -> Result<usize, String> {
        match record.trim_start().starts_with('[') {
            true => self.append_list(row, record),
            false => self.append_object(row, record).map(usize::from),
        }
    }

    /// Appends a list of objects, each a row, as Spark's JSON source has it: all or none.
    fn append_list(&mut self, row: usize, record: &str) -> Result<usize, String> {
        let elements: Vec<&RawValue> = serde_json::from_str(record)
            .map_err(|error| format!("not JSON: {}", again::within_line(&error)))?;
        for (index, element) in elements.iter().enumerate() {
            let appended = match element.get().starts_with('[') {
                true => Err("not a JSON object".to_owned()),
                false => self.append_object(row + index, element.get()),
            };
            if let Err(reason) = appended {
                self.fields.truncate(row);
                return Err(format!("element {} of the list: {reason}", index + 1));
            }
        }
        Ok(elements.len())
    }

    /// Appends one object: false if there is none, or why it is bad.
    fn append_object(&mut self, row: usize, record: &str) -> Result<bool, String> {
        let mut reader = serde_json::Deserializer::from_str(record);
        let seed = Row {
            fields: &mut self.fields,
            row,
        };
        let read = seed.deserialize(&mut reader);
        let Err(error) = read.and_then(|()| reader.end()) else {
            return Ok(true);
        };
        self.fields.truncate(row);
        if record.bytes().all(|byte| byte.is_ascii_whitespace()) {
            return Ok(false);
        }
        again::append(&error, record, &self.columns, &mut self.fields)
            .map(|()| true)
            .inspect_err(|_| self.fields.truncate(row))
    }
}

impl Decoder for JsonDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, records: &Records) -> Result<Decoded> {
        let payload = &records.payload;
        // All bytes at once are checked faster than record by record.
        let text = str::from_utf8(&payload.bytes).ok();
        let whole = |index: usize| {
            let range = payload.records.get(index)?;
            text?.get(range.start as usize..range.end as usize)
        };
        let mut row = 0;
        let fate = Fate::of_many(records, |index| {
            let record = match whole(index) {
                Some(record) => record,
                None => utf8(payload.record(index))?,
            };
            let appended = self.append(row, record)?;
            row += appended;
            Ok(appended)
        });
        fate.decoded(&self.schema, self.fields.finish()?)
    }
}
