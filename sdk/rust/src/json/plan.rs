//! How each column is written: decided once, from its fields.

use super::{
    cells::{Cells, FixedList, List, Map, Object, Offsets, Valid},
    civil, decimal,
    leaf::{self, FixedBinary},
};
use crate::{Field, schema, types::*};

/// How a field and its descendants are written.
pub(super) struct Plan {
    /// The name as a key: `"name":`.
    key: Vec<u8>,
    kind: Kind,
}

enum Kind {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Text,
    Binary,
    FixedBinary(usize),
    Date,
    /// Since 1970, in this unit.
    Timestamp(Unit),
    /// With how many digits after the point.
    Decimal(i8),
    Struct(Vec<Plan>),
    List(Box<Plan>),
    FixedList(usize, Box<Plan>),
    Map(Box<Plan>, Box<Plan>),
}

#[derive(Clone, Copy)]
enum Unit {
    Second,
    Milli,
    Micro,
    Nano,
}

// === impl Plan ===

impl Plan {
    /// The plan of a field, whose descendants follow it; or why it cannot be written.
    pub(super) fn of(fields: &[Field]) -> Result<Self, String> {
        let Some((field, descendants)) = fields.split_first() else {
            return Err("it has no field".into());
        };
        let mut key = Vec::with_capacity(field.name.len() + 3);
        leaf::text(&field.name, &mut key);
        key.push(b':');
        let kind = Kind::of(field, descendants)?;
        Ok(Self { key, kind })
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The cells of a column, from the first of `buffers`, which it takes; `None`
    /// where they are not those of its type.
    pub(super) fn cells<'a>(
        &'a self,
        rows: usize,
        buffers: &mut &'a [Vec<u8>],
    ) -> Option<Box<dyn Cells + 'a>> {
        Some(match &self.kind {
            Kind::Bool => leaf::cells::<Bool>(rows, buffers, |value, out| {
                out.extend_from_slice(if value { b"true" } else { b"false" });
            })?,
            Kind::Int8 => leaf::cells::<Int8>(rows, buffers, leaf::number)?,
            Kind::Int16 => leaf::cells::<Int16>(rows, buffers, leaf::number)?,
            Kind::Int32 => leaf::cells::<Int32>(rows, buffers, leaf::number)?,
            Kind::Int64 => leaf::cells::<Int64>(rows, buffers, leaf::number)?,
            Kind::UInt8 => leaf::cells::<UInt8>(rows, buffers, leaf::number)?,
            Kind::UInt16 => leaf::cells::<UInt16>(rows, buffers, leaf::number)?,
            Kind::UInt32 => leaf::cells::<UInt32>(rows, buffers, leaf::number)?,
            Kind::UInt64 => leaf::cells::<UInt64>(rows, buffers, leaf::number)?,
            Kind::Float32 => leaf::cells::<Float32>(rows, buffers, |value, out| {
                leaf::float(value, value.into(), out);
            })?,
            Kind::Float64 => leaf::cells::<Float64>(rows, buffers, |value, out| {
                leaf::float(value, value, out);
            })?,
            Kind::Text => leaf::cells::<Utf8>(rows, buffers, leaf::text)?,
            Kind::Binary => leaf::cells::<Binary>(rows, buffers, leaf::binary)?,
            Kind::FixedBinary(width) => Box::new(FixedBinary::take(*width, rows, buffers)?),
            Kind::Date => leaf::cells::<Date>(rows, buffers, |days, out| {
                leaf::quoted(out, |out| civil::date(days.into(), out));
            })?,
            Kind::Timestamp(unit) => {
                let unit = *unit;
                leaf::cells::<Int64>(rows, buffers, move |value, out| {
                    leaf::quoted(out, |out| civil::timestamp(unit.micros(value), out));
                })?
            }
            Kind::Decimal(scale) => {
                let scale = *scale;
                leaf::cells::<Decimal>(rows, buffers, move |digits, out| {
                    decimal::write(digits, scale, out);
                })?
            }
            Kind::Struct(children) => {
                let mut object = Object::new(Valid::take(buffers)?);
                for child in children {
                    object.push(&child.key, child.cells(rows, buffers)?);
                }
                Box::new(object)
            }
            Kind::List(item) => {
                let (valid, offsets) = (Valid::take(buffers)?, Offsets::take(rows, buffers)?);
                let items = item.cells(offsets.end(), buffers)?;
                Box::new(List::new(valid, offsets, items))
            }
            Kind::FixedList(length, item) => {
                let valid = Valid::take(buffers)?;
                let items = item.cells(rows.checked_mul(*length)?, buffers)?;
                Box::new(FixedList::new(valid, *length, items))
            }
            Kind::Map(key, value) => {
                let (valid, offsets) = (Valid::take(buffers)?, Offsets::take(rows, buffers)?);
                // Of the entries, which are never null.
                Valid::take(buffers)?;
                let keys = key.cells(offsets.end(), buffers)?;
                let values = value.cells(offsets.end(), buffers)?;
                Box::new(Map::new(valid, offsets, keys, values))
            }
        })
    }
}

// === impl Kind ===

impl Kind {
    fn of(field: &Field, descendants: &[Field]) -> Result<Self, String> {
        let format = field.format.as_str();
        Ok(match format {
            "b" => Self::Bool,
            "c" => Self::Int8,
            "s" => Self::Int16,
            "i" => Self::Int32,
            "l" => Self::Int64,
            "C" => Self::UInt8,
            "S" => Self::UInt16,
            "I" => Self::UInt32,
            "L" => Self::UInt64,
            "f" => Self::Float32,
            "g" => Self::Float64,
            "u" => Self::Text,
            "z" => Self::Binary,
            "tdD" => Self::Date,
            "+s" => Self::Struct(children(descendants)?),
            "+l" => Self::List(Box::new(Plan::of(descendants)?)),
            "+m" => Self::map(descendants)?,
            _ => Self::with_parameters(format, descendants)?,
        })
    }

    fn with_parameters(format: &str, descendants: &[Field]) -> Result<Self, String> {
        let unknown = || {
            let word = schema::name_of(format);
            format!("JSON has no form for a {word}, cast it in SQL before this step")
        };
        let unit = match format.get(..4) {
            Some("tss:") => Some(Unit::Second),
            Some("tsm:") => Some(Unit::Milli),
            Some("tsu:") => Some(Unit::Micro),
            Some("tsn:") => Some(Unit::Nano),
            _ => None,
        };
        if let Some(unit) = unit {
            return Ok(Self::Timestamp(unit));
        }
        if let Some(width) = format.strip_prefix("w:") {
            return width.parse().map(Self::FixedBinary).map_err(|_| unknown());
        }
        if let Some(length) = format.strip_prefix("+w:") {
            let length = length.parse().map_err(|_| unknown())?;
            return Ok(Self::FixedList(length, Box::new(Plan::of(descendants)?)));
        }
        let scale = Some(format)
            .filter(|format| Decimal::accepts(format))
            .and_then(|format| format.rsplit(',').next()?.parse().ok());
        scale.map(Self::Decimal).ok_or_else(unknown)
    }

    fn map(entries: &[Field]) -> Result<Self, String> {
        let plans = children(entries.get(1..).unwrap_or_default())?;
        match <[Plan; 2]>::try_from(plans) {
            Ok([key, value]) if matches!(key.kind, Self::Text) => {
                Ok(Self::Map(Box::new(key), Box::new(value)))
            }
            Ok(_) => Err(
                "the keys of a JSON object are text, cast those of the map to string before this step"
                    .into(),
            ),
            Err(_) => Err("a map has keys and values".into()),
        }
    }
}

/// The plans of fields that follow each other.
fn children(mut fields: &[Field]) -> Result<Vec<Plan>, String> {
    let mut plans = Vec::new();
    while !fields.is_empty() {
        let (child, rest) = fields.split_at(schema::span(fields, 0).min(fields.len()));
        plans.push(Plan::of(child)?);
        fields = rest;
    }
    Ok(plans)
}

// === impl Unit ===

impl Unit {
    /// Microseconds since 1970. What has no such number ends where they end.
    fn micros(self, value: i64) -> i64 {
        match self {
            Self::Second => value.saturating_mul(1_000_000),
            Self::Milli => value.saturating_mul(1_000),
            Self::Micro => value,
            Self::Nano => value / 1_000,
        }
    }
}
