//! `raw`: the columns of the system as they are, the payload `binary`, whatever its bytes are.

use std::sync::Arc;

use arrow::array::{AsArray, BinaryArray, BinaryBuilder};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use azud_model::{Column, ColumnType, Error, Result};

use super::decoded::Fate;
use crate::{Decoded, Decoder, Encoder, FormatOptions, Payload, Records};

pub(super) struct RawDecoder {
    schema: SchemaRef,
    /// Where the payload is among the columns.
    place: usize,
}

/// Writes the one column's bytes and a line end; null is an empty line.
pub(super) struct RawEncoder;

// === impl RawDecoder ===

impl RawDecoder {
    pub(super) fn new(options: &FormatOptions) -> Self {
        let own = Field::new(&options.payload, DataType::Binary, true);
        let mut fields: Vec<_> = options.keep.iter().map(Column::to_arrow).collect();
        let place = options.payload_at.min(fields.len());
        fields.insert(place, own);
        Self {
            schema: Arc::new(Schema::new(fields)),
            place,
        }
    }
}

impl Decoder for RawDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, records: &Records) -> Result<Decoded> {
        if let Some(values) = whole(records) {
            let fate = Fate::of(records, |_| Ok(true));
            return fate.decoded_at(&self.schema, self.place, vec![Arc::new(values)]);
        }
        let payload = &records.payload;
        let mut values = BinaryBuilder::with_capacity(payload.len(), payload.bytes.len());
        let fate = Fate::of(records, |index| {
            values.append_value(payload.record(index));
            Ok(true)
        });
        fate.decoded_at(&self.schema, self.place, vec![Arc::new(values.finish())])
    }
}

/// The records as they lie in their bytes, where nothing is between them and all are good.
fn whole(records: &Records) -> Option<BinaryArray> {
    let Payload {
        bytes,
        records: ranges,
        ..
    } = &records.payload;
    let mut end = ranges.first()?.start;
    let mut offsets = Vec::with_capacity(ranges.len() + 1);
    offsets.push(i32::try_from(end).ok()?);
    for range in ranges {
        if range.start != end {
            return None;
        }
        end = range.end;
        offsets.push(i32::try_from(end).ok()?);
    }
    if !records.bad.is_empty() {
        return None;
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    BinaryArray::try_new(offsets, Buffer::from(bytes.clone()), None).ok()
}

// === impl RawEncoder ===

impl RawEncoder {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self> {
        let kinds: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| ColumnType::from_arrow(field.data_type()))
            .collect();
        match kinds.as_slice() {
            [Some(ColumnType::Binary | ColumnType::String)] => Ok(Self),
            _ => Err(Error::invalid(format!(
                "format `raw` writes one column of type binary or string, not {} columns: \
                 select one, or use json",
                kinds.len()
            ))),
        }
    }
}

impl Encoder for RawEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        for value in &self.records(batch)? {
            out.extend_from_slice(value.unwrap_or_default());
            out.push(b'\n');
        }
        Ok(())
    }

    fn records(&mut self, batch: &RecordBatch) -> Result<BinaryArray> {
        let none = || Error::internal("raw: no column to write");
        let only = batch.columns().first().ok_or_else(none)?;
        let column = cast(only, &DataType::Binary)?;
        column.as_binary_opt().cloned().ok_or_else(none)
    }
}

#[cfg(test)]
mod tests {
    use azud_model::Partition;
    use bytes::Bytes;

    use super::*;
    use crate::{BadRecord, Format, decoder};

    fn decoded(bytes: &'static str, ranges: &[std::ops::Range<u32>], bad: &[usize]) -> Vec<String> {
        let bad = bad.iter().map(|index| BadRecord {
            index: *index,
            reason: "torn".to_owned(),
        });
        let records = Records {
            partition: Arc::new(Partition {
                source: "in".into(),
                name: "t-0".into(),
            }),
            first: 0,
            positions: None,
            payload: Payload {
                bytes: Bytes::from(bytes),
                records: ranges.to_vec(),
                present: None,
            },
            bad: bad.collect(),
            header: None,
            metadata: None,
        };
        let options = FormatOptions {
            format: Format::Raw,
            schema: Vec::new(),
            header: true,
            keep: Vec::new(),
            payload: "value".to_owned(),
            payload_at: 0,
            avro: None,
        };
        let decoded = decoder(&options).unwrap().decode(&records).unwrap();
        let values = decoded.batch.columns().column(0).as_binary::<i32>().iter();
        let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        values.map(text).collect()
    }

    #[test]
    fn records_are_the_same_whether_they_lie_together_or_not() {
        assert_eq!(decoded("abcd", &[0..1, 1..1, 1..4], &[]), ["a", "", "bcd"]);
        assert_eq!(decoded("xabcd", &[1..2, 2..4], &[]), ["a", "bc"]);
        assert_eq!(decoded("a\nbcd\n", &[0..1, 2..5], &[]), ["a", "bcd"]);
        assert_eq!(decoded("abcd", &[2..4, 0..2], &[]), ["cd", "ab"]);
        assert_eq!(decoded("abcd", &[0..1, 1..2, 2..4], &[1]), ["a", "cd"]);
        assert!(decoded("", &[], &[]).is_empty());
    }
}
