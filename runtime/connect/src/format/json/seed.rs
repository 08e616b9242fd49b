//! Seeds: what serde_json calls while it reads a record.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::format::column::{Builder, Fields, Values};

/// Reads a record: an object whose keys are the columns.
pub(super) struct Row<'a> {
    pub(super) fields: &'a mut Fields,
    /// How many rows there are already.
    pub(super) row: usize,
}

/// Reads a key and finds its column.
struct Key<'a> {
    fields: &'a Fields,
    expected: usize,
}

/// Reads one value into a column.
pub(super) struct Value<'a>(pub(super) &'a mut Builder);

// === impl Row ===

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut expected = 0;
        while let Some(index) = map.next_key_seed(Key {
            fields: self.fields,
            expected,
        })? {
            let Some((index, builder)) =
                index.and_then(|index| Some((index, self.fields.builders.get_mut(index)?)))
            else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if builder.len() > self.row {
                // Of duplicate keys the last one wins.
                builder.truncate(self.row);
            }
            map.next_value_seed(Value(builder))?;
            expected = index + 1;
        }
        for builder in &mut self.fields.builders {
            if builder.len() == self.row {
                builder.append_null();
            }
        }
        Ok(())
    }
}

// === impl Key ===

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.fields.find(key, self.expected))
    }
}

// === impl Value ===

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if let Values::Decimal(..) = self.0.values {
            let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
            return match raw.get() {
                "null" => self.visit_unit(),
                digits => check(self.0.append_digits(digits)),
            };
        }
        deserializer.deserialize_any(self)
    }
}

/// What the value should have been is said by [`super::again`], which knows the column.
fn check<E: Error>(fits: bool) -> Result<(), E> {
    if fits {
        Ok(())
    } else {
        Err(E::custom("misfit"))
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the column's type")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.append_null();
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        check(self.0.append_bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        check(self.0.append_whole(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        check(match i64::try_from(value) {
            Ok(value) => self.0.append_whole(value),
            Err(_) => self.0.append_float(value as f64),
        })
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        check(self.0.append_float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        check(self.0.append_string(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Values::Array(offsets, elements) = &mut self.0.values else {
            return Err(A::Error::custom("misfit"));
        };
        while seq.next_element_seed(Value(elements))?.is_some() {}
        offsets.push(offset(elements)?);
        self.0.valid.append_non_null();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let row = self.0.valid.len();
        match &mut self.0.values {
            Values::Struct(fields) => Row { fields, row }.visit_map(map)?,
            Values::Map(offsets, entries) => {
                append_entries(map, &mut entries.0, &mut entries.1)?;
                offsets.push(offset(&entries.0)?);
            }
            _ => return Err(A::Error::custom("misfit")),
        }
        self.0.valid.append_non_null();
        Ok(())
    }
}

/// Where the children of the next value start.
fn offset<E: Error>(child: &Builder) -> Result<i32, E> {
    i32::try_from(child.len()).map_err(E::custom)
}

/// Reads an object into a map column: of duplicate keys the last one wins.
fn append_entries<'de, A: MapAccess<'de>>(
    mut map: A,
    keys: &mut Builder,
    values: &mut Builder,
) -> Result<(), A::Error> {
    let mut entries = Vec::new();
    while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
        entries.push(entry);
    }
    let last: HashMap<&str, usize> = entries
        .iter()
        .enumerate()
        .map(|(index, (key, _))| (key.as_str(), index))
        .collect();
    for (index, (key, value)) in entries.iter().enumerate() {
        if last.get(key.as_str()) != Some(&index) {
            continue;
        }
        check(keys.append_plain(key))?;
        let mut reader = serde_json::Deserializer::from_str(value.get());
        Value(values)
            .deserialize(&mut reader)
            .map_err(A::Error::custom)?;
    }
    Ok(())
}
