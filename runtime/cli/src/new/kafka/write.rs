//! The manifest of what was guessed.

use std::fmt::Write;

use azud_connector_kafka::Sample;
use azud_model::{Column, ColumnType};
use serde_json::Value;

use super::guess::Guess;

pub(super) fn manifest(
    name: &str,
    topic: &str,
    options: &Value,
    sample: &Sample,
    guess: &Guess,
) -> String {
    let looked = sample.records.len();
    let partitions = match sample.partitions {
        1 => "1 partition".to_owned(),
        several => format!("{several} partitions"),
    };
    let node = node(topic);
    let says = says(guess);
    let mut out = String::new();
    // A `String` takes everything.
    let _ = writeln!(
        out,
        "# Topic `{topic}`: by {looked} records of {partitions}, {says}.\n\
         #\n\
         #   azud check pipeline.yaml    says what is wrong with this file\n\
         #   azud test pipeline.yaml     runs the tests at its end\n\
         #   azud run pipeline.yaml      runs it\n\
         name: {name}\n\
         \n\
         # continuous, an interval (5s), or once: reads what is there, and ends.\n\
         trigger: 5s\n\
         \n\
         # Where positions and windows are kept: with it, a crash loses and doubles nothing.\n\
         checkpoint: {{ to: ./state }}\n\
         \n\
         sources:\n  {node}:\n    # start: earliest | latest | {{ timestamp: 2026-01-01T00:00:00Z }}\n    \
         kafka: {}",
        flow(options)
    );
    out.push_str(&source(guess, sample));
    let time = event_time(guess);
    let column = match key(&time) == time {
        true => time.clone(),
        false => format!("`{time}`"),
    };
    let time = key(&time);
    let _ = writeln!(
        out,
        "    # Event time: windows go by it. `delay` is how late a record may come.\n    \
         time: {{ column: {time}, delay: 10s }}\n\
         \n\
         transforms:\n  counts:\n    sql: |\n      SELECT window.start AS start, count(*) AS records\n      \
         FROM {node}\n      GROUP BY window({column}, '1 minute')\n\
         \n\
         sinks:\n  # update: windows that have changed. append: each once, when the watermark has closed it.\n  \
         screen: {{ from: counts, console: {{}}, mode: update }}\n  \
         # A record that cannot be decoded is put aside with its partition, offset and the reason.\n  \
         rejects: {{ from: {node}.rejected, console: {{ style: json }} }}\n\
         \n\
         tests:\n  - name: counts the records of a minute\n    input:\n      {node}:\n        \
         - {{ {time}: \"2026-01-01T00:00:01Z\" }}\n        \
         - {{ {time}: \"2026-01-01T00:00:59Z\" }}\n    expect:\n      counts:\n        \
         - {{ start: \"2026-01-01T00:00:00Z\", records: 2 }}"
    );
    out
}

fn says(guess: &Guess) -> String {
    match guess {
        Guess::Nothing => "there is nothing to guess a format from: text is taken".to_owned(),
        Guess::Json { broken: 0, .. } => "all of them JSON".to_owned(),
        Guess::Json { broken, .. } => format!("JSON but for {broken}"),
        Guess::Text => "text".to_owned(),
        Guess::Avro => {
            "each with the id of a schema, as registries have it: see `format: avro`".to_owned()
        }
        Guess::Raw => "neither JSON nor text".to_owned(),
    }
}

/// The lines of the source below its connector.
fn source(guess: &Guess, sample: &Sample) -> String {
    let mut keep = vec!["timestamp"];
    if sample.records.iter().any(|record| record.key.is_some()) {
        keep.insert(0, "key");
    }
    if sample.records.iter().any(|record| record.has_headers) {
        keep.push("headers");
    }
    let keep_all = keep.join(", ");
    match guess {
        Guess::Json { columns, .. } if !columns.is_empty() => {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            keep.retain(|kept| !names.contains(kept));
            let keep = keep.join(", ");
            let mut out = String::from("    format: json\n    schema:\n");
            for column in columns {
                let _ = writeln!(out, "      {}: {}", key(&column.name), quoted(column));
            }
            let _ = writeln!(out, "    keep: [{keep}]");
            out
        }
        Guess::Nothing | Guess::Text | Guess::Json { .. } => {
            format!("    format: text\n    keep: [{keep_all}]\n")
        }
        Guess::Avro | Guess::Raw => format!("    format: raw\n    keep: [{keep_all}]\n"),
    }
}

/// The column of event time: one of the value's, or else the record's own.
fn event_time(guess: &Guess) -> String {
    if let Guess::Json { columns, .. } = guess {
        let is_time = |column: &&Column| matches!(column.column_type, ColumnType::Timestamp(_));
        if let Some(column) = columns.iter().find(is_time) {
            return column.name.clone();
        }
    }
    "timestamp".to_owned()
}

fn quoted(column: &Column) -> String {
    let text = column.column_type.to_string();
    match text.contains(['<', ',', ':']) {
        true => format!("\"{text}\""),
        false => text,
    }
}

/// A key of YAML.
fn key(name: &str) -> String {
    let is_plain = name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && name
            .chars()
            .next()
            .is_some_and(|first| !first.is_ascii_digit());
    match is_plain && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&name)
    {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}

/// The topic as the name of a node: what SQL calls its table.
fn node(topic: &str) -> String {
    let letters = topic
        .chars()
        .map(|letter| match letter.is_ascii_alphanumeric() {
            true => letter,
            false => '_',
        });
    let name: String = letters.collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() || first == '_' => name,
        _ => format!("t_{name}"),
    }
}

/// Options as a mapping in one line; a password comes from the environment.
fn flow(options: &Value) -> String {
    match options {
        Value::Object(all) => {
            let entries = all.iter().map(|(name, value)| match name.as_str() {
                "password" => format!("{name}: \"${{KAFKA_PASSWORD}}\""),
                _ => format!("{}: {}", key(name), flow(value)),
            });
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
