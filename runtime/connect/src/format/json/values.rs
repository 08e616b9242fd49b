//! The values that we write in another form than Arrow does.

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, PrimitiveArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, FieldRef, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::format::civil::DateTime;

/// Makes the encoders of dates, timestamps, floats, binary and maps.
#[derive(Debug)]
pub(super) struct Values {
    /// Whether keys of maps that are no text are written as one.
    pub(super) text_keys: bool,
}

struct Timestamp(PrimitiveArray<TimestampMicrosecondType>);
/// Of another unit: not all of them fit into microseconds.
struct OtherTimestamp(ArrayRef);
/// Arrow's own has an error for a text where its calendar ends.
struct Date(ArrayRef);
struct Double(Float64Array);
struct Float(Float32Array);
struct Binary(arrow::array::BinaryArray);

/// Null values of a map are written: an entry is not a column that may be left out.
struct Map<'a> {
    offsets: OffsetBuffer<i32>,
    keys: NullableEncoder<'a>,
    values: NullableEncoder<'a>,
    text_keys: bool,
}

// === impl Values ===

impl EncoderFactory for Values {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, _) => Box::new(Timestamp(
                array.as_primitive::<TimestampMicrosecondType>().clone(),
            )),
            DataType::Timestamp(..) => Box::new(OtherTimestamp(array.slice(0, array.len()))),
            DataType::Date32 | DataType::Date64 => Box::new(Date(array.slice(0, array.len()))),
            DataType::Float64 => Box::new(Double(array.as_primitive::<Float64Type>().clone())),
            DataType::Float32 => Box::new(Float(array.as_primitive::<Float32Type>().clone())),
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => {
                let array = cast(&array.slice(0, array.len()), &DataType::Binary)?;
                Box::new(Binary(array.as_binary::<i32>().clone()))
            }
            DataType::Map(..) => {
                let map = array.as_map();
                Box::new(Map {
                    offsets: map.offsets().clone(),
                    keys: make_encoder(field, map.keys(), options)?,
                    values: make_encoder(field, map.values(), options)?,
                    text_keys: self.text_keys,
                })
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

impl Encoder for Map<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let offset = |row: usize| self.offsets.get(row).copied().unwrap_or_default();
        let (start, end) = (offset(row), offset(row + 1));
        out.push(b'{');
        for entry in start..end {
            if entry > start {
                out.push(b',');
            }
            let entry = usize::try_from(entry).unwrap_or_default();
            let start = out.len();
            self.keys.encode(entry, out);
            if self.text_keys && out.get(start) != Some(&b'"') {
                out.insert(start, b'"');
                out.push(b'"');
            }
            out.push(b':');
            match self.values.is_null(entry) {
                true => out.extend_from_slice(b"null"),
                false => self.values.encode(entry, out),
            }
        }
        out.push(b'}');
    }
}

impl Encoder for Timestamp {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        DateTime::from_micros(self.0.value(row)).write_iso(out);
        out.push(b'"');
    }
}

impl Encoder for OtherTimestamp {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        if let Some(time) = DateTime::of(&self.0, row) {
            time.write_iso(out);
        }
        out.push(b'"');
    }
}

impl Encoder for Date {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let date = DateTime::of(&self.0, row).map(|time| time.date());
        out.push(b'"');
        out.extend_from_slice(date.unwrap_or_default().as_bytes());
        out.push(b'"');
    }
}

impl Encoder for Binary {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let text = STANDARD.encode(self.0.value(row));
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

impl Encoder for Double {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = self.0.value(row);
        match not_a_number(value) {
            Some(text) => out.extend_from_slice(text),
            // Writing to memory cannot fail.
            None => serde_json::to_writer(out, &value).unwrap_or_default(),
        }
    }
}

impl Encoder for Float {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = self.0.value(row);
        match not_a_number(f64::from(value)) {
            Some(text) => out.extend_from_slice(text),
            None => serde_json::to_writer(out, &value).unwrap_or_default(),
        }
    }
}

/// JSON has no numbers for these.
fn not_a_number(value: f64) -> Option<&'static [u8]> {
    if value.is_nan() {
        return Some(b"\"NaN\"");
    }
    match value {
        f64::INFINITY => Some(b"\"Infinity\""),
        f64::NEG_INFINITY => Some(b"\"-Infinity\""),
        _ => None,
    }
}
