//! What a schema says about the keys of a map.

use serde_json::{Map, Value};

use super::alternatives::only_requires;

/// Exactly one of some keys must be there.
pub(super) struct ExactlyOne<'a> {
    /// What these keys are called, if they have a name.
    pub(super) what: Option<&'a str>,
    pub(super) keys: Vec<&'a str>,
}

/// Whether `name` is a key or value that a later version brings.
pub(super) fn is_later(schema: &Map<String, Value>, name: &str) -> bool {
    strings(schema.get("x-later")).any(|later| later == name)
}

/// The text that refuses a key, if the schema has one.
pub(super) fn refusal<'a>(schema: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    schema.get("x-refused")?.get(key)?.as_str()
}

/// The keys that a map may have, when it may have no others.
pub(super) fn known(schema: &Map<String, Value>) -> Vec<&str> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect()
}

/// The keys that a map must have.
pub(super) fn required(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    strings(schema.get("required"))
}

/// The rule that a `oneOf` of `required` states.
pub(super) fn exactly_one(schema: &Map<String, Value>) -> Option<ExactlyOne<'_>> {
    let branches = schema.get("oneOf")?.as_array()?;
    if !branches.iter().all(only_requires) {
        return None;
    }
    Some(ExactlyOne {
        what: schema.get("x-what").and_then(Value::as_str),
        keys: branches
            .iter()
            .flat_map(|branch| strings(branch.get("required")))
            .collect(),
    })
}

fn strings(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}
