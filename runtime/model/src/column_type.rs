//! The types that a manifest can name, under their SQL names.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// In which unit a *number* is read as a timestamp. Stored and written, every timestamp is microseconds UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampUnit {
    /// Seconds since 1970-01-01T00:00:00Z.
    Second,
    /// Milliseconds: what `timestamp` alone means.
    #[default]
    Millisecond,
    /// Microseconds.
    Microsecond,
    /// Nanoseconds, cut to microseconds.
    Nanosecond,
}

/// A type of a schema in the manifest; `Display` and `FromStr` use its SQL name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `boolean`.
    Boolean,
    /// `tinyint` or `byte`: 8 bits, signed.
    TinyInt,
    /// `smallint` or `short`: 16 bits, signed.
    SmallInt,
    /// `int` or `integer`: 32 bits, signed.
    Int,
    /// `bigint` or `long`: 64 bits, signed.
    BigInt,
    /// `float` or `real`: 32 bits.
    Float,
    /// `double`: 64 bits.
    Double,
    /// `decimal(precision, scale)`, precision at most 38; `decimal` alone is `decimal(10,0)`.
    Decimal(u8, i8),
    /// `string`: UTF-8.
    String,
    /// `binary`.
    Binary,
    /// `date`: days since 1970-01-01.
    Date,
    /// `timestamp`, or `timestamp(s|ms|us|ns)`.
    Timestamp(TimestampUnit),
    /// `array<element>`.
    Array(Box<ColumnType>),
    /// `map<key,value>`; keys are never null.
    Map(Box<ColumnType>, Box<ColumnType>),
    /// `struct<name:type,...>`.
    Struct(Vec<Column>),
}

/// A named column of a schema. Every column of the manifest can hold nulls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name as written.
    pub name: String,
    /// The type.
    pub column_type: ColumnType,
}

// === impl Column ===

impl Column {
    /// The Arrow field that holds it.
    pub fn to_arrow(&self) -> Field {
        Field::new(&self.name, self.column_type.to_arrow(), true)
    }
}

// === impl ColumnType ===

impl ColumnType {
    /// The Arrow type that holds it.
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::String => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Array(element) => {
                DataType::List(Arc::new(Field::new_list_field(element.to_arrow(), true)))
            }
            Self::Map(key, value) => {
                let entries = DataType::Struct(Fields::from(vec![
                    Field::new("keys", key.to_arrow(), false),
                    Field::new("values", value.to_arrow(), true),
                ]));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            Self::Struct(columns) => {
                DataType::Struct(columns.iter().map(Column::to_arrow).collect())
            }
        }
    }

    /// The SQL name of an Arrow type, as `printSchema` and our errors show it;
    /// `None` where SQL has no such type.
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        let nested = |field: &Field| Self::from_arrow(field.data_type()).map(Box::new);
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::TinyInt,
            DataType::Int16 | DataType::UInt8 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 => Self::Int,
            DataType::Int64 | DataType::UInt32 => Self::BigInt,
            DataType::UInt64 => Self::Decimal(20, 0),
            DataType::Float16 | DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale) => Self::Decimal(*precision, *scale),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::String,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Binary,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, _) => Self::Timestamp(TimestampUnit::default()),
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::FixedSizeList(element, _) => Self::Array(nested(element)?),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) => match fields.as_ref() {
                    [key, value] => Self::Map(nested(key)?, nested(value)?),
                    _ => return None,
                },
                _ => return None,
            },
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| {
                        Some(Column {
                            name: field.name().clone(),
                            column_type: Self::from_arrow(field.data_type())?,
                        })
                    })
                    .collect::<Option<_>>()?,
            ),
            DataType::Dictionary(_, value) => return Self::from_arrow(value),
            _ => return None,
        })
    }
}

impl fmt::Display for TimestampUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
        })
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::TinyInt => f.write_str("tinyint"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            Self::String => f.write_str("string"),
            Self::Binary => f.write_str("binary"),
            Self::Date => f.write_str("date"),
            Self::Timestamp(TimestampUnit::Millisecond) => f.write_str("timestamp"),
            Self::Timestamp(unit) => write!(f, "timestamp({unit})"),
            Self::Array(element) => write!(f, "array<{element}>"),
            Self::Map(key, value) => write!(f, "map<{key},{value}>"),
            Self::Struct(columns) => {
                f.write_str("struct<")?;
                for (i, column) in columns.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{}:{}", column.name, column.column_type)?;
                }
                f.write_str(">")
            }
        }
    }
}
