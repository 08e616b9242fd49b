//! Rows to lines.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Float32Array, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use azud_model::{ColumnType, Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::format::apart::Apart;
use crate::format::civil::DateTime;
use crate::{Encoder, ShortestFloat};

const OPTIONS: FormatOptions<'static> = FormatOptions::new();

/// Writes a line of names, then a line a row. Null is an empty field and empty
/// text is `""`, so that reading it back gives the same; but a null that would
/// be a line of its own is `""` too, because readers pass over empty lines.
/// Floats are written as Spark does: `1.0E20`, `Infinity`; binary in base64, as
/// in JSON, because a CSV is text.
pub(in crate::format) struct CsvEncoder {
    schema: SchemaRef,
}

// === impl CsvEncoder ===

impl CsvEncoder {
    pub(in crate::format) fn new(schema: &SchemaRef) -> Result<Self> {
        for field in schema.fields() {
            match ColumnType::from_arrow(field.data_type()) {
                Some(ColumnType::Array(_) | ColumnType::Map(..) | ColumnType::Struct(_)) | None => {
                    return Err(Error::invalid(format!(
                        "format `csv` has no way to write column `{}` of type {}: use json, or \
                         select its parts",
                        field.name(),
                        ColumnType::from_arrow(field.data_type()).map_or_else(
                            || field.data_type().to_string(),
                            |known| known.to_string()
                        ),
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(Self {
            schema: schema.clone(),
        })
    }
}

impl Encoder for CsvEncoder {
    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, field) in self.schema.fields().iter().enumerate() {
            separate(index, &mut out);
            quoted(field.name().as_bytes(), &mut out);
        }
        out.push(b'\n');
        out
    }

    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        write(batch, out, |out| out.push(b'\n'))
    }

    fn records(&mut self, batch: &RecordBatch) -> Result<BinaryArray> {
        let mut apart = Apart::with_capacity(batch.num_rows());
        let mut out = Vec::new();
        write(batch, &mut out, |out| apart.end(out.len()))?;
        apart.finish(out)
    }
}

/// Appends every row, and calls `end` behind each.
fn write(batch: &RecordBatch, out: &mut Vec<u8>, mut end: impl FnMut(&mut Vec<u8>)) -> Result<()> {
    let columns = batch
        .columns()
        .iter()
        .map(Cells::new)
        .collect::<Result<Vec<_>>>()?;
    for row in 0..batch.num_rows() {
        for (index, cells) in columns.iter().enumerate() {
            separate(index, out);
            if !cells.is_null(row) {
                quoted(&cells.cell(row), out);
            }
        }
        // Readers pass over empty lines.
        if let [only] = columns.as_slice()
            && only.is_null(row)
        {
            out.extend_from_slice(b"\"\"");
        }
        end(out);
    }
    Ok(())
}

/// A column in a form whose cells are quick to write.
enum Cells<'a> {
    Text(ArrayRef),
    Binary(ArrayRef),
    Time(ArrayRef),
    Date(ArrayRef),
    Float(&'a Float32Array),
    Double(&'a Float64Array),
    Other(&'a ArrayRef, ArrayFormatter<'a>),
}

// === impl Cells ===

impl<'a> Cells<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self> {
        Ok(match ColumnType::from_arrow(column.data_type()) {
            Some(ColumnType::String) => Self::Text(cast(column, &DataType::Utf8)?),
            Some(ColumnType::Binary) => Self::Binary(cast(column, &DataType::Binary)?),
            // A calendar of another crate ends long before the columns do.
            Some(ColumnType::Timestamp(_)) => Self::Time(plain(column)?),
            Some(ColumnType::Date) => Self::Date(plain(column)?),
            Some(ColumnType::Float) => Self::Float(column.as_primitive()),
            Some(ColumnType::Double) => Self::Double(column.as_primitive()),
            _ => Self::Other(column, ArrayFormatter::try_new(column, &OPTIONS)?),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(column) | Self::Binary(column) => column.is_null(row),
            Self::Time(column) | Self::Date(column) => column.is_null(row),
            Self::Float(column) => column.is_null(row),
            Self::Double(column) => column.is_null(row),
            Self::Other(column, _) => column.is_null(row),
        }
    }

    /// The value as text.
    fn cell(&self, row: usize) -> Cow<'_, [u8]> {
        match self {
            Self::Text(column) => column.as_string::<i32>().value(row).as_bytes().into(),
            Self::Binary(column) => {
                let bytes = column.as_binary::<i32>().value(row);
                STANDARD.encode(bytes).into_bytes().into()
            }
            Self::Time(column) => {
                let mut text = Vec::with_capacity(27);
                if let Some(time) = DateTime::of(column, row) {
                    time.write_iso(&mut text);
                }
                text.into()
            }
            Self::Date(column) => {
                let date = DateTime::of(column, row).map(|time| time.date());
                date.unwrap_or_default().into_bytes().into()
            }
            Self::Float(column) => java(column.value(row)),
            Self::Double(column) => java(column.value(row)),
            Self::Other(_, formatter) => formatter.value(row).to_string().into_bytes().into(),
        }
    }
}

/// The column itself, where it is a dictionary that of its values.
fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Dictionary(_, value) => Ok(cast(column, value)?),
        _ => Ok(column.clone()),
    }
}

fn java(value: impl ShortestFloat) -> Cow<'static, [u8]> {
    let mut text = String::new();
    value.write_java(&mut text);
    text.into_bytes().into()
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

/// Quotes a field that could be read as something else.
fn quoted(field: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if !field.is_empty() && !field.iter().any(special) {
        return out.extend_from_slice(field);
    }
    out.push(b'"');
    for byte in field {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
