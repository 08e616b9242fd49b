//! Columns under construction: what the JSON and CSV decoders append to.
//!
//! Arrow's own builders cannot take a value back. Ours can ([`Builder::truncate`]),
//! which is how a record that turns out to be bad in its last column leaves no
//! trace in the others, and how the last of duplicate keys wins.

mod decimal;
mod finish;
mod number;
mod text;
mod timestamp;

use std::collections::HashMap;

use arrow::array::{BooleanBufferBuilder, NullBufferBuilder};
use arrow::datatypes::DataType;
use azud_model::{Column, ColumnType, TimestampUnit};

pub(crate) use decimal::parse_decimal;
pub(crate) use timestamp::{micros_from_number, micros_from_text, micros_from_whole};

/// One column under construction.
pub(crate) struct Builder {
    pub(crate) values: Values,
    pub(crate) valid: NullBufferBuilder,
    data_type: DataType,
}

/// The values; a null has one too, that nobody reads.
pub(crate) enum Values {
    Boolean(BooleanBufferBuilder),
    TinyInt(Vec<i8>),
    SmallInt(Vec<i16>),
    Int(Vec<i32>),
    BigInt(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Decimal(Vec<i128>, u8, i8),
    Text(Bytes),
    Binary(Bytes),
    Date(Vec<i32>),
    Timestamp(Vec<i64>, TimestampUnit),
    Array(Vec<i32>, Box<Builder>),
    Map(Vec<i32>, Box<(Builder, Builder)>),
    Struct(Fields),
}

/// Values of any length, one after the other.
pub(crate) struct Bytes {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

/// Columns by name: those of a record, or of a struct within one.
pub(crate) struct Fields {
    pub(crate) names: Vec<String>,
    pub(crate) builders: Vec<Builder>,
    indices: HashMap<String, usize>,
}

// === impl Builder ===

impl Builder {
    pub(crate) fn new(column_type: &ColumnType) -> Self {
        let boxed = |inner: &ColumnType| Box::new(Self::new(inner));
        let values = match column_type {
            ColumnType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            ColumnType::TinyInt => Values::TinyInt(Vec::new()),
            ColumnType::SmallInt => Values::SmallInt(Vec::new()),
            ColumnType::Int => Values::Int(Vec::new()),
            ColumnType::BigInt => Values::BigInt(Vec::new()),
            ColumnType::Float => Values::Float(Vec::new()),
            ColumnType::Double => Values::Double(Vec::new()),
            ColumnType::Decimal(precision, scale) => {
                Values::Decimal(Vec::new(), *precision, *scale)
            }
            ColumnType::String => Values::Text(Bytes::default()),
            ColumnType::Binary => Values::Binary(Bytes::default()),
            ColumnType::Date => Values::Date(Vec::new()),
            ColumnType::Timestamp(unit) => Values::Timestamp(Vec::new(), *unit),
            ColumnType::Array(element) => Values::Array(vec![0], boxed(element)),
            ColumnType::Map(key, value) => {
                Values::Map(vec![0], Box::new((Self::new(key), Self::new(value))))
            }
            ColumnType::Struct(columns) => Values::Struct(Fields::new(columns)),
        };
        Self {
            values,
            valid: NullBufferBuilder::new(0),
            data_type: column_type.to_arrow(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.valid.len()
    }

    pub(crate) fn append_null(&mut self) {
        match &mut self.values {
            Values::Boolean(values) => values.append(false),
            Values::TinyInt(values) => values.push(0),
            Values::SmallInt(values) => values.push(0),
            Values::Int(values) | Values::Date(values) => values.push(0),
            Values::BigInt(values) | Values::Timestamp(values, _) => values.push(0),
            Values::Float(values) => values.push(0.0),
            Values::Double(values) => values.push(0.0),
            Values::Decimal(values, _, _) => values.push(0),
            Values::Text(values) | Values::Binary(values) => {
                repeat_last(&mut values.offsets);
            }
            Values::Array(offsets, _) | Values::Map(offsets, _) => repeat_last(offsets),
            Values::Struct(fields) => fields.builders.iter_mut().for_each(Self::append_null),
        }
        self.valid.append_null();
    }

    /// Takes back what follows the first `len` values.
    pub(crate) fn truncate(&mut self, len: usize) {
        match &mut self.values {
            Values::Boolean(values) => values.truncate(len),
            Values::TinyInt(values) => values.truncate(len),
            Values::SmallInt(values) => values.truncate(len),
            Values::Int(values) | Values::Date(values) => values.truncate(len),
            Values::BigInt(values) | Values::Timestamp(values, _) => values.truncate(len),
            Values::Float(values) => values.truncate(len),
            Values::Double(values) => values.truncate(len),
            Values::Decimal(values, _, _) => values.truncate(len),
            Values::Text(values) | Values::Binary(values) => {
                let end = cut(&mut values.offsets, len);
                values.bytes.truncate(end);
            }
            Values::Array(offsets, elements) => elements.truncate(cut(offsets, len)),
            Values::Map(offsets, entries) => {
                let end = cut(offsets, len);
                entries.0.truncate(end);
                entries.1.truncate(end);
            }
            Values::Struct(fields) => fields.truncate(len),
        }
        self.valid.truncate(len);
    }
}

// === impl Bytes ===

impl Default for Bytes {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl Bytes {
    /// Appends a value; false if the column has no room for it.
    pub(crate) fn append(&mut self, value: &[u8]) -> bool {
        let Ok(end) = i32::try_from(self.bytes.len() + value.len()) else {
            return false;
        };
        self.bytes.extend_from_slice(value);
        self.offsets.push(end);
        true
    }
}

// === impl Fields ===

impl Fields {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let named = |(index, column): (usize, &Column)| (column.name.clone(), index);
        Self {
            names: columns.iter().map(|column| column.name.clone()).collect(),
            builders: columns
                .iter()
                .map(|column| Builder::new(&column.column_type))
                .collect(),
            indices: columns.iter().enumerate().map(named).collect(),
        }
    }

    /// The column of that name; `expected` is looked at first, because records
    /// tend to keep their keys in one order.
    pub(crate) fn find(&self, name: &str, expected: usize) -> Option<usize> {
        if self.names.get(expected).is_some_and(|other| other == name) {
            return Some(expected);
        }
        self.indices.get(name).copied()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        for builder in &mut self.builders {
            builder.truncate(len);
        }
    }
}

fn repeat_last(offsets: &mut Vec<i32>) {
    offsets.push(offsets.last().copied().unwrap_or_default());
}

/// Keeps the offsets of `len` values; returns where the last of them ends. What
/// was appended to a child without an offset of its own lies behind that.
fn cut(offsets: &mut Vec<i32>, len: usize) -> usize {
    offsets.truncate(len + 1);
    offsets
        .last()
        .and_then(|end| usize::try_from(*end).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
