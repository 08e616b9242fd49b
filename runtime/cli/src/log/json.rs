//! A line for programs: one object, its fields beside each other.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use tracing::Level;

use super::fields::Fields;

/// `{"timestamp":"2026-07-01T10:00:00.000000Z","level":"INFO","message":"...","pipeline":"..."}`,
/// then what the event says besides. One that says its pipeline itself is believed.
pub(super) fn line(time: &str, level: Level, pipeline: Option<&str>, fields: Fields) -> String {
    let mut object = Map::new();
    object.insert("timestamp".to_owned(), time.into());
    object.insert("level".to_owned(), level.to_string().into());
    object.insert("message".to_owned(), fields.message.into());
    if let Some(pipeline) = pipeline {
        object.insert("pipeline".to_owned(), pipeline.into());
    }
    for (name, value) in fields.others {
        object.insert(name.to_owned(), value);
    }
    shown(&Value::Object(object).to_string())
}

/// JSON in which all is escaped that a terminal acts on or does not show, and means the same. Ends
/// of lines are only between its parts.
pub(crate) fn shown(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !azud_sandbox::is_hidden(character) {
            line.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\u{unit:04x}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_beside_each_other_and_keep_their_types() {
        let fields = Fields {
            message: "3 lines left out".to_owned(),
            others: vec![
                ("pipeline", "own".into()),
                ("node", "words".into()),
                ("left_out", 3.into()),
            ],
        };
        assert_eq!(
            line(
                "2026-07-01T10:00:00.000000Z",
                Level::WARN,
                Some("run"),
                fields
            ),
            r#"{"timestamp":"2026-07-01T10:00:00.000000Z","level":"WARN","message":"3 lines left out","pipeline":"own","node":"words","left_out":3}"#
        );
    }

    #[test]
    fn no_character_acts_on_a_terminal_and_none_is_lost() {
        let message = "a\u{1b}[2J\n\"b\"\u{9b}\u{202e}\u{e0041}\u{200d}ñ";
        let fields = Fields {
            message: message.to_owned(),
            others: Vec::new(),
        };
        let line = line("now", Level::INFO, None, fields);
        let expected = r#"{"timestamp":"now","level":"INFO","message":"a\u001b[2J\n\"b\"\u009b\u202e\udb40\udc41\u200dñ"}"#;
        assert_eq!(line, expected);
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], message);
    }
}
