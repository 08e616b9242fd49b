//! Scalars: types, enumerations, formats, patterns and limits.

use azud_model::{ByteSize, Duration};
use regex::Regex;
use serde_json::{Map, Value};

use super::{Owner, column_type, keys::is_later, words};
use crate::{
    nearest::did_you_mean,
    report::Findings,
    yaml::{Kind, Node, plain},
};

/// Whether the node has a type that the schema allows; says so if not.
pub(super) fn check_type(
    schema: &Map<String, Value>,
    node: &mut Node,
    owner: Owner<'_>,
    findings: &mut Findings,
) -> bool {
    let types = words::types(schema);
    if types.is_empty() {
        return true;
    }
    adopt(&types, node);
    if fits(&types, &node.kind) {
        return true;
    }
    // `console:` alone means no options.
    if matches!(node.kind, Kind::Null) && types == ["object"] && !schema.contains_key("required") {
        node.kind = Kind::Map(Vec::new());
        return true;
    }
    let message = format!(
        "{} must be {}, found {}",
        words::owner(owner),
        words::expected_type(schema),
        words::found(node, findings)
    );
    let span = if matches!(node.kind, Kind::Null) {
        owner.span
    } else {
        node.span
    };
    findings.push(span, message, advice(schema, node, findings));
    false
}

/// A scalar with variables takes a type that is wanted, if its text can be read so.
fn adopt(types: &[&str], node: &mut Node) {
    let Some(text) = &node.replaced else { return };
    if fits(types, &node.kind) {
        return;
    }
    for kind in [plain(text), Kind::String(text.clone())] {
        if fits(types, &kind) {
            node.kind = kind;
            return;
        }
    }
}

fn fits(types: &[&str], kind: &Kind) -> bool {
    let any = |names: &[&str]| names.iter().any(|name| types.contains(name));
    match kind {
        Kind::Broken => true,
        Kind::Null => any(&["null"]),
        Kind::Bool(_) => any(&["boolean"]),
        Kind::Number(number) if number.is_f64() => any(&["number"]),
        Kind::Number(_) => any(&["integer", "number"]),
        Kind::String(_) => any(&["string"]),
        Kind::List(_) => any(&["array"]),
        Kind::Map(_) => any(&["object"]),
    }
}

fn advice(schema: &Map<String, Value>, node: &Node, findings: &Findings) -> Option<String> {
    let types = words::types(schema);
    match &node.kind {
        Kind::Null => Some("write a value after the colon, or remove the key".into()),
        Kind::Number(number) if words::format(schema) == Some("duration") => {
            Some(format!("say the unit: {number}ms, {number}s or {number}m"))
        }
        Kind::Bool(_) | Kind::Number(_)
            if types.contains(&"string") && words::format(schema).is_none() =>
        {
            Some(format!("quote it: \"{}\"", words::shown(node, findings)))
        }
        Kind::String(text) if types.contains(&"boolean") => {
            let text = text.to_ascii_lowercase();
            let known = ["yes", "no", "on", "off", "y", "n"].contains(&text.as_str());
            known.then(|| "in YAML 1.2 only true and false are booleans".into())
        }
        _ => None,
    }
}

/// Checks a value of which the schema lists all.
pub(super) fn check_value(
    schema: &Map<String, Value>,
    values: &[&str],
    node: &mut Node,
    owner: Owner<'_>,
    findings: &mut Findings,
) {
    adopt(&["string"], node);
    let list = words::or(
        &values
            .iter()
            .map(|value| format!("`{value}`"))
            .collect::<Vec<_>>(),
    );
    let Kind::String(text) = &node.kind else {
        let found = words::found(node, findings);
        let span = if matches!(node.kind, Kind::Null) {
            owner.span
        } else {
            node.span
        };
        findings.add(
            span,
            format!("{} must be {list}, found {found}", words::owner(owner)),
        );
        return;
    };
    if values.contains(&text.as_str()) {
        return;
    }
    let shown = words::shown(node, findings);
    if is_later(schema, text) {
        let help = format!("this version has {list}");
        findings.add_with_help(
            node.span,
            format!("`{shown}` is not in this version yet"),
            help,
        );
        return;
    }
    let guess = did_you_mean(text, values.iter().copied());
    let message = format!("unknown value `{shown}` for {}{guess}", words::owner(owner));
    findings.add_with_help(node.span, message, format!("it is {list}"));
}

/// Checks formats, patterns and limits of a scalar whose type fits.
pub(super) fn check_limits(
    schema: &Map<String, Value>,
    node: &Node,
    owner: Owner<'_>,
    findings: &mut Findings,
) {
    if let (Kind::String(text), Some("column-type")) = (&node.kind, words::format(schema)) {
        column_type::check(text, node, owner, findings);
        return;
    }
    let message = match &node.kind {
        Kind::String(text) => string_problem(schema, text, owner).map(|(what, reason)| {
            format!("bad {what} `{}`: {reason}", words::shown(node, findings))
        }),
        Kind::Number(number) => number_problem(schema, number.as_f64().unwrap_or_default())
            .map(|limit| format!("{} must be {limit}, found {number}", words::owner(owner))),
        _ => None,
    };
    if let Some(message) = message {
        findings.add(node.span, message);
    }
}

/// What a string should have been, and why it is not.
fn string_problem(
    schema: &Map<String, Value>,
    text: &str,
    owner: Owner<'_>,
) -> Option<(String, String)> {
    match words::format(schema) {
        Some("duration") => {
            return text
                .parse::<Duration>()
                .err()
                .map(|error| ("duration".into(), error.to_string()));
        }
        Some("byte-size") => {
            return text
                .parse::<ByteSize>()
                .err()
                .map(|error| ("size".into(), error.to_string()));
        }
        _ => {}
    }
    let short = schema
        .get("minLength")
        .and_then(Value::as_u64)
        .is_some_and(|least| (text.chars().count() as u64) < least);
    if short {
        return Some((words::owner(owner), "it must not be empty".into()));
    }
    let pattern = schema.get("pattern").and_then(Value::as_str)?;
    let matches = Regex::new(pattern).ok()?.is_match(text);
    (!matches).then(|| (words::owner(owner), pattern_words(schema, pattern)))
}

/// What a pattern asks for.
pub(super) fn pattern_words(schema: &Map<String, Value>, pattern: &str) -> String {
    match schema.get("x-expected").and_then(Value::as_str) {
        Some(words) => format!("it must be {words}"),
        None => format!("it must match {pattern}"),
    }
}

fn number_problem(schema: &Map<String, Value>, value: f64) -> Option<String> {
    let limit = |key: &str| schema.get(key).filter(|limit| limit.is_number());
    let of = |limit: &Value| limit.as_f64().unwrap_or_default();
    if let Some(least) = limit("minimum").filter(|least| value < of(least)) {
        return Some(format!("at least {least}"));
    }
    if let Some(most) = limit("maximum").filter(|most| value > of(most)) {
        return Some(format!("at most {most}"));
    }
    if let Some(least) = limit("exclusiveMinimum").filter(|least| value <= of(least)) {
        return Some(format!("more than {least}"));
    }
    limit("exclusiveMaximum")
        .filter(|most| value >= of(most))
        .map(|most| format!("less than {most}"))
}
