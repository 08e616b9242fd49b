//! Defaults: values of a schema in JSON, and how they are appended.

use serde_json::Value;

use super::decimal;
use super::schema::{AvroSchema, Kind, Logical};
use super::whole;
use crate::format::column::{Builder, Values};
use azud_model::TimestampUnit;

/// What a field has where the writer's schema has no such field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Boolean(bool),
    /// In that unit, where the column holds timestamps.
    Whole(i64, TimestampUnit),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    Decimal(i128),
    List(Vec<Literal>),
    Entries(Vec<(String, Literal)>),
    Record(Vec<Literal>),
    /// Of a struct of members, this one.
    Member(usize, Box<Literal>),
}

/// What stays unsaid of a literal that is too large to show.
const SHOWN: usize = 60;

// === impl Literal ===

impl Literal {
    /// Reads the default of a field of that type; or why it is none: "7 is no string".
    pub(super) fn new(schema: &AvroSchema, number: usize, json: &Value) -> Result<Self, String> {
        let found = schema.get(number);
        let misfit = || {
            let json = json.to_string();
            let shown = crate::format::misfit::shown(&json, SHOWN);
            format!("{shown} is no {}", found.describe())
        };
        let read = match (&found.kind, json) {
            (Kind::Null, Value::Null) => Some(Self::Null),
            (Kind::Boolean, Value::Bool(value)) => Some(Self::Boolean(*value)),
            (Kind::Int, json) => json
                .as_i64()
                .filter(|value| i32::try_from(*value).is_ok())
                .map(|value| Self::Whole(value, TimestampUnit::Millisecond)),
            (Kind::Long, json) => json
                .as_i64()
                .map(|value| Self::Whole(value, unit(found.logical))),
            (Kind::Float | Kind::Double, json) => {
                json.as_f64().or_else(|| not_a_number(json)).map(Self::Real)
            }
            (Kind::String, Value::String(text)) => Some(Self::Text(text.clone())),
            (Kind::Enum { symbols, .. }, Value::String(symbol)) => {
                symbols.contains(symbol).then(|| Self::Text(symbol.clone()))
            }
            (Kind::Bytes | Kind::Fixed(_), Value::String(text)) => {
                let bytes = latin1(text).ok_or_else(misfit)?;
                let is_whole = match found.kind {
                    Kind::Fixed(size) => bytes.len() == size,
                    _ => true,
                };
                match found.logical {
                    _ if !is_whole => None,
                    Some(Logical::Decimal { precision, .. }) => {
                        Some(Self::Decimal(decimal::read(&bytes, precision)?))
                    }
                    _ => Some(Self::Bytes(bytes)),
                }
            }
            (Kind::Array(items), Value::Array(list)) => {
                let list = list.iter().map(|item| Self::new(schema, *items, item));
                Some(Self::List(list.collect::<Result<_, _>>()?))
            }
            (Kind::Map(values), Value::Object(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), Self::new(schema, *values, value)?)));
                Some(Self::Entries(entries.collect::<Result<_, String>>()?))
            }
            (Kind::Record(fields), Value::Object(object)) => {
                let values = fields.iter().map(|field| {
                    let json = object.get(&field.name).or(field.default.as_ref());
                    let json = json.ok_or_else(|| format!("has no field `{}`", field.name))?;
                    Self::new(schema, field.of, json)
                });
                Some(Self::Record(values.collect::<Result<_, String>>()?))
            }
            (Kind::Union(branches), json) => return Self::of_union(schema, number, branches, json),
            _ => None,
        };
        read.ok_or_else(misfit)
    }

    /// The value of the first branch that it fits, as version 1.12 of the specification has it;
    /// before that it was the first branch alone.
    fn of_union(
        schema: &AvroSchema,
        number: usize,
        branches: &[usize],
        json: &Value,
    ) -> Result<Self, String> {
        let mut wrong = None;
        for branch in branches {
            let literal = match Self::new(schema, *branch, json) {
                Ok(literal) => literal,
                Err(reason) => {
                    wrong.get_or_insert(reason);
                    continue;
                }
            };
            let (options, _) = schema.options(number);
            return Ok(match options.iter().position(|option| option == branch) {
                Some(member) if schema.sole(&options).is_none() => {
                    Self::Member(member, Box::new(literal))
                }
                _ => literal,
            });
        }
        Err(wrong.unwrap_or_default())
    }

    /// How many bytes it takes in a column, roughly.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => 8 + text.len(),
            Self::Bytes(bytes) => 8 + bytes.len(),
            Self::List(list) | Self::Record(list) => {
                8 + list.iter().map(Self::weight).sum::<usize>()
            }
            Self::Entries(entries) => {
                let entries = entries.iter();
                8 + entries
                    .map(|(key, value)| key.len() + value.weight())
                    .sum::<usize>()
            }
            Self::Member(_, value) => 8 + value.weight(),
            Self::Null | Self::Boolean(_) | Self::Whole(..) | Self::Real(_) | Self::Decimal(_) => 8,
        }
    }

    /// Appends it; false if the column has no room for it.
    pub(super) fn append(&self, into: &mut Builder) -> bool {
        let fits = match (self, &mut into.values) {
            (Self::Null, _) => {
                into.append_null();
                return true;
            }
            (Self::Boolean(value), _) => return into.append_bool(*value),
            (Self::Whole(value, unit), _) => return whole::append(into, *value, *unit),
            (Self::Real(value), Values::Float(values)) => {
                values.push(*value as f32);
                true
            }
            (Self::Real(value), Values::Double(values)) => {
                values.push(*value);
                true
            }
            (Self::Text(text), Values::Text(values)) => values.append(text.as_bytes()),
            (Self::Bytes(bytes), Values::Binary(values)) => values.append(bytes),
            (Self::Decimal(value), Values::Decimal(values, _, _)) => {
                values.push(*value);
                true
            }
            (Self::List(list), Values::Array(offsets, elements)) => {
                list.iter().all(|item| item.append(elements)) && whole::end(offsets, elements.len())
            }
            (Self::Entries(entries), Values::Map(offsets, columns)) => {
                let (keys, values) = columns.as_mut();
                let mut entries = entries.iter();
                entries.all(|(key, value)| {
                    Self::Text(key.clone()).append(keys) && value.append(values)
                }) && whole::end(offsets, keys.len())
            }
            (Self::Record(literals), Values::Struct(fields)) => {
                let mut both = literals.iter().zip(&mut fields.builders);
                both.all(|(literal, into)| literal.append(into))
            }
            (Self::Member(member, value), Values::Struct(fields)) => {
                let mut all = fields.builders.iter_mut().enumerate();
                all.all(|(number, into)| match number == *member {
                    true => value.append(into),
                    false => Self::Null.append(into),
                })
            }
            _ => false,
        };
        into.mark(fits)
    }
}

/// The unit of a timestamp; any for what is none.
pub(super) fn unit(logical: Option<Logical>) -> TimestampUnit {
    match logical {
        Some(Logical::Timestamp(unit)) => unit,
        _ => TimestampUnit::Microsecond,
    }
}

/// JSON has no number for these; Java writes and reads them as text.
fn not_a_number(json: &Value) -> Option<f64> {
    match json.as_str()? {
        "NaN" => Some(f64::NAN),
        "Infinity" | "INF" => Some(f64::INFINITY),
        "-Infinity" | "-INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Bytes are written as the characters U+0000 to U+00FF.
fn latin1(text: &str) -> Option<Vec<u8>> {
    let bytes = text
        .chars()
        .map(|letter| u8::try_from(u32::from(letter)).ok());
    bytes.collect()
}
