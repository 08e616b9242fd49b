//! A record that did not fit, read again key by key: to say why, or to find
//! that only a value did not fit that a later duplicate of its key replaces.

use std::collections::HashMap;
use std::fmt;

use azud_model::Column;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::seed::Value;
use crate::format::column::Fields;
use crate::format::misfit::misfit;

/// Appends the record, or says why it is bad; `first` is what the first reading said.
pub(super) fn append(
    first: &serde_json::Error,
    record: &str,
    columns: &[Column],
    fields: &mut Fields,
) -> Result<(), String> {
    if first.classify() != Category::Data {
        return Err(format!("not JSON: {}", within_line(first)));
    }
    let mut reader = serde_json::Deserializer::from_str(record);
    let read = reader.deserialize_map(Entries);
    let entries = match read.and_then(|entries| reader.end().map(|()| entries)) {
        Ok(entries) => entries,
        Err(error) if error.classify() == Category::Data => {
            return Err("not a JSON object".to_owned());
        }
        Err(error) => return Err(format!("not JSON: {}", within_line(&error))),
    };
    for (column, builder) in columns.iter().zip(&mut fields.builders) {
        let Some(value) = entries.get(&column.name) else {
            builder.append_null();
            continue;
        };
        let mut reader = serde_json::Deserializer::from_str(value.get());
        Value(builder)
            .deserialize(&mut reader)
            .map_err(|_| misfit(column, value.get()))?;
    }
    Ok(())
}

/// serde_json counts lines from 1, and a record is one line.
pub(super) fn within_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(what) => format!("{what} at column {}", error.column()),
        None => text,
    }
}

/// Reads an object as its keys and what is written for them; of duplicates, the last.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = HashMap<String, &'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = HashMap::new();
        while let Some((key, value)) = map.next_entry()? {
            entries.insert(key, value);
        }
        Ok(entries)
    }
}
