//! The words that messages are made of.

use serde_json::{Map, Value};

use super::{Owner, Shape};
use crate::{
    report::Findings,
    yaml::{Kind, Node},
};

/// Longer values are cut in messages.
const MAX_SHOWN: usize = 40;

/// `` `key` ``, or the manifest itself.
pub(super) fn owner(owner: Owner<'_>) -> String {
    if owner.key.is_empty() {
        "a manifest".into()
    } else {
        format!("`{}`", owner.key)
    }
}

/// The value as a message shows it: never what a variable stands for, which may be a secret.
pub(super) fn shown(node: &Node, findings: &Findings) -> String {
    let text = match &node.kind {
        _ if node.replaced.is_some() => findings
            .text
            .slice(node.span)
            .trim_matches(['"', '\''])
            .to_owned(),
        Kind::String(text) => text.clone(),
        _ => findings.text.slice(node.span).to_owned(),
    };
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

/// What a node is, with its value where that is short.
pub(super) fn found(node: &Node, findings: &Findings) -> String {
    let kind = match &node.kind {
        Kind::Null | Kind::Broken => return "nothing".into(),
        Kind::List(_) => return "a list".into(),
        Kind::Map(_) => return "a map".into(),
        Kind::Bool(_) => "the boolean",
        Kind::Number(_) => "the number",
        Kind::String(_) => "the string",
    };
    format!("{kind} `{}`", shown(node, findings))
}

/// `a`, `b` or `c`.
pub(super) fn or(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// The JSON types that a schema allows.
pub(super) fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The name of the parser that a string must please.
pub(super) fn format(schema: &Map<String, Value>) -> Option<&str> {
    schema.get("format").and_then(Value::as_str)
}

/// What fits a schema, for a human.
pub(super) fn expected(schema: &Map<String, Value>) -> String {
    if let Some(words) = schema.get("x-expected").and_then(Value::as_str) {
        return words.to_owned();
    }
    if let Some(value) = schema.get("const").and_then(Value::as_str) {
        return format!("`{value}`");
    }
    expected_type(schema)
}

/// The types that fit a schema, for a human.
pub(super) fn expected_type(schema: &Map<String, Value>) -> String {
    match format(schema) {
        Some("duration") => return "a duration like 5s".into(),
        Some("byte-size") => return "a size like 64MiB".into(),
        Some("column-type") => return "a type like string or bigint".into(),
        _ => {}
    }
    let types: Vec<_> = types(schema)
        .into_iter()
        .map(|name| {
            match name {
                "string" => "a string",
                "integer" => "a whole number",
                "number" => "a number",
                "boolean" => "true or false",
                "array" => "a list",
                "object" => "a map",
                other => other,
            }
            .to_owned()
        })
        .collect();
    or(&types)
}

impl Shape<'_> {
    /// What fits one of several schemas, for a human.
    pub(super) fn expected_of(&self, branches: &[Value]) -> String {
        let words: Vec<_> = branches
            .iter()
            .filter_map(|branch| self.resolve(branch))
            .map(|branch| match self.values(branch) {
                Some(values) => or(&values
                    .iter()
                    .map(|value| format!("`{value}`"))
                    .collect::<Vec<_>>()),
                None => expected(branch),
            })
            .collect();
        or(&words)
    }
}
