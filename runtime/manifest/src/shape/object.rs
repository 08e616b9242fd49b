//! Maps: their keys, and the values behind them.

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    Owner, Shape,
    keys::{ExactlyOne, exactly_one, is_later, known, refusal, required},
    scalar::pattern_words,
    words,
};
use crate::{
    nearest::nearest,
    report::Findings,
    yaml::{Entry, Kind, Node},
};

impl Shape<'_> {
    pub(super) fn check_object(
        &self,
        schema: &Map<String, Value>,
        entries: &mut [Entry],
        owner: Owner<'_>,
        findings: &mut Findings,
    ) {
        check_names(schema, entries, findings);
        let one = exactly_one(schema);
        let mut excused = false;
        for entry in entries.iter_mut() {
            let place = Owner {
                key: &entry.key,
                span: entry.key_span,
            };
            let of = schema
                .get("properties")
                .and_then(|keys| keys.get(&entry.key));
            match (of, schema.get("additionalProperties")) {
                (Some(of), _) => self.check(of, &mut entry.value, place, findings),
                (None, Some(Value::Bool(false))) => {
                    excused |= unknown_key(schema, entry, one.as_ref(), findings);
                }
                (None, Some(others)) => {
                    let before = findings.len();
                    let written = entry.value.clone();
                    self.check(others, &mut entry.value, place, findings);
                    if findings.len() > before {
                        self.suggest(schema, &entry.key, written, place, before, findings);
                    }
                }
                (None, None) => {}
            }
        }
        let has = |key: &str| entries.iter().any(|entry| entry.key == key);
        for key in required(schema).filter(|key| !has(key)) {
            findings.add(
                owner.span,
                format!("{} needs the key `{key}`", words::owner(owner)),
            );
        }
        let least = schema
            .get("minProperties")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        if (entries.len() as u64) < least {
            findings.add(
                owner.span,
                format!("{} must not be empty", words::owner(owner)),
            );
        }
        if let Some(one) = one {
            check_exactly_one(&one, entries, owner, excused, findings);
        }
    }

    /// What does not fit behind a key of any name, and does behind one of the schema's own, is
    /// meant for that: all that was said since `before` is about something else.
    fn suggest(
        &self,
        schema: &Map<String, Value>,
        key: &str,
        mut value: Node,
        place: Owner<'_>,
        before: usize,
        findings: &mut Findings,
    ) {
        let guess = nearest(key, known(schema));
        let of = guess.and_then(|guess| schema.get("properties")?.get(guess));
        let (Some(guess), Some(of)) = (guess, of) else {
            return;
        };
        let said = findings.take_since(before);
        self.check(of, &mut value, place, findings);
        let fits = findings.take_since(before).is_empty();
        if fits {
            findings.add(
                place.span,
                format!("unknown key `{key}`, did you mean `{guess}`?"),
            );
        } else {
            findings.extend(said);
        }
    }
}

fn check_names(schema: &Map<String, Value>, entries: &[Entry], findings: &mut Findings) {
    let Some(names) = schema.get("propertyNames").and_then(Value::as_object) else {
        return;
    };
    let Some(pattern) = names.get("pattern").and_then(Value::as_str) else {
        return;
    };
    let Ok(regex) = Regex::new(pattern) else {
        return;
    };
    for entry in entries.iter().filter(|entry| !regex.is_match(&entry.key)) {
        let message = format!(
            "bad name `{}`: {}",
            entry.key,
            pattern_words(names, pattern)
        );
        findings.add(entry.key_span, message);
    }
}

/// Says what is wrong with a key that the schema does not know; returns whether it was meant as the
/// one key that the map needs, so that nobody also says that this is missing.
fn unknown_key(
    schema: &Map<String, Value>,
    entry: &Entry,
    one: Option<&ExactlyOne<'_>>,
    findings: &mut Findings,
) -> bool {
    let key = entry.key.as_str();
    if let Some(text) = refusal(schema, key) {
        findings.add(entry.key_span, text);
        return true;
    }
    if is_later(schema, key) {
        findings.add(
            entry.key_span,
            format!("`{key}` is not in this version yet"),
        );
        return true;
    }
    let known = known(schema);
    let guess = nearest(key, known.iter().copied());
    let question = guess
        .map(|guess| format!(", did you mean `{guess}`?"))
        .unwrap_or_default();
    // A map behind an unknown key is most likely the options of something that does not exist.
    if let (
        Some(ExactlyOne {
            what: Some(what),
            keys,
        }),
        None,
        Kind::Map(_),
    ) = (one, guess, &entry.value.kind)
    {
        findings.add_with_help(
            entry.key_span,
            format!("unknown {what} `{key}`"),
            format!("this version has {}", keys.join(", ")),
        );
        return true;
    }
    let help = if known.is_empty() {
        "no keys are known here".to_owned()
    } else {
        format!("known keys here: {}", known.join(", "))
    };
    findings.add_with_help(
        entry.key_span,
        format!("unknown key `{key}`{question}"),
        help,
    );
    one.is_some_and(|one| guess.is_some_and(|guess| one.keys.contains(&guess)))
}

fn check_exactly_one(
    one: &ExactlyOne<'_>,
    entries: &[Entry],
    owner: Owner<'_>,
    excused: bool,
    findings: &mut Findings,
) {
    let present: Vec<_> = entries
        .iter()
        .filter(|entry| one.keys.contains(&entry.key.as_str()))
        .collect();
    let quoted: Vec<_> = one.keys.iter().map(|key| format!("`{key}`")).collect();
    let what = match one.what {
        Some(what) => format!("{what}: {}", words::or(&quoted)),
        None => format!("of {}", quoted.join(", ")),
    };
    match present.as_slice() {
        [_] => {}
        [] if excused => {}
        [] => findings.add(
            owner.span,
            format!("{} needs exactly one {what}", words::owner(owner)),
        ),
        [first, second, ..] => findings.add_with_help(
            second.key_span,
            format!(
                "{} has both `{}` and `{}`: it needs exactly one {what}",
                words::owner(owner),
                first.key,
                second.key
            ),
            "keep one of them",
        ),
    }
}
