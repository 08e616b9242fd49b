//! `azud dead-letters show`: each one whole.

use std::collections::BTreeSet;

use azud_engine::Letter;
use azud_model::{Error, ErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::chosen::Letters;
use crate::args::LettersShow;
use crate::failure::Failure;
use crate::log::shown as shown_json;
use crate::output::{print, print_while_read};

pub(super) fn show(arguments: &LettersShow) -> Result<(), Failure> {
    let letters = Letters::open(&arguments.of)?;
    let mut missing: BTreeSet<&str> = arguments.ids.iter().map(String::as_str).collect();
    let are_named = !missing.is_empty();
    let (mut shown, mut are_more) = (0, false);
    let mut printed = Ok(true);
    letters.read(&mut |letter, was_replayed| {
        let is_enough = match are_named {
            true => missing.is_empty(),
            false => shown == arguments.limit,
        };
        if is_enough {
            are_more = !are_named;
            return Err(Error::new(ErrorKind::Closed, "enough"));
        }
        if are_named && !missing.remove(letter.id.as_str()) {
            return Ok(());
        }
        let text = match arguments.json {
            true => shown_json(&as_json(&letter, was_replayed).to_string()) + "\n",
            false => {
                let line = if shown == 0 { "" } else { "\n" };
                format!("{line}{}", as_text(&letter, was_replayed))
            }
        };
        shown += 1;
        printed = print_while_read(&text);
        match printed {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Error::new(ErrorKind::Closed, "nobody reads more")),
        }
    })?;
    if !printed? {
        return Ok(());
    }
    not_there(&missing)?;
    if are_more {
        tracing::info!("these are the first {shown}: --limit shows more");
    }
    if shown == 0 && !arguments.json {
        print("no dead letters\n")?;
    }
    Ok(())
}

/// What was named, and is not there, is a mistake.
pub(super) fn not_there(missing: &BTreeSet<&str>) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<&str> = missing.iter().copied().collect();
    Err(Failure::Input(format!(
        "no dead letter has the id {}: azud dead-letters show lists them",
        missing.join(", ")
    )))
}

fn as_json(letter: &Letter, was_replayed: bool) -> Value {
    let value = letter.value.as_deref();
    json!({
        "id": letter.id,
        "sink": letter.sink,
        "place": letter.place,
        "node": letter.node,
        "reason": letter.reason,
        "source": letter.source,
        "partition": letter.partition,
        "position": letter.position,
        "epoch": letter.epoch,
        "attempt": letter.attempt,
        "plugin": letter.plugin,
        "replayed": was_replayed,
        "value": value.map(|value| STANDARD.encode(value)),
        "text": value.and_then(|value| std::str::from_utf8(value).ok()),
    })
}

fn as_text(letter: &Letter, was_replayed: bool) -> String {
    let escaped = |text: &str| azud_sandbox::escaped(text).to_string();
    let from = [&letter.source, &letter.partition, &letter.position];
    let from = match from {
        [Some(source), Some(partition), Some(position)] => {
            format!(
                "{}, {}, position {}",
                escaped(source),
                escaped(partition),
                escaped(position)
            )
        }
        _ => "many records, or none".to_owned(),
    };
    let value = match letter.value.as_deref().map(std::str::from_utf8) {
        Some(Ok(text)) => escaped(text),
        Some(Err(_)) => {
            let value = letter.value.as_deref().unwrap_or_default();
            format!("base64 {}", STANDARD.encode(value))
        }
        None => String::new(),
    };
    let epoch = letter.epoch.map(|epoch| epoch.to_string());
    let replayed = if was_replayed { "yes" } else { "no" };
    let lines = [
        ("id", letter.id.clone()),
        ("sink", format!("{}: {}", letter.sink, letter.place)),
        ("node", escaped(&letter.node)),
        ("reason", escaped(&letter.reason)),
        ("from", from),
        ("epoch", epoch.unwrap_or_default()),
        ("attempt", letter.attempt.to_string()),
        (
            "plugin",
            escaped(letter.plugin.as_deref().unwrap_or_default()),
        ),
        ("replayed", replayed.to_owned()),
        ("value", value),
    ];
    let lines = lines.map(|(name, value)| format!("{name:<10}{value}").trim_end().to_owned());
    format!("{}\n", lines.join("\n"))
}
