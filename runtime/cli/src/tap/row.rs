//! A row as it is shown.

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

/// `word=to count=2 said="to be"`: nested values as JSON, and texts, too, that would not be told from
/// another value, or from two; so are such names.
pub(super) fn text(row: &str) -> String {
    // It is an object, unless another program answers.
    let Ok(columns) = serde_json::from_str::<IndexMap<String, Box<RawValue>>>(row) else {
        return azud_sandbox::escaped(row);
    };
    let columns = columns.iter();
    let columns =
        columns.map(|(name, value)| format!("{}={}", name_text(name), value_text(value.get())));
    azud_sandbox::escaped(&columns.collect::<Vec<_>>().join(" "))
}

fn name_text(name: &str) -> String {
    match !name.is_empty() && name.chars().all(is_word) {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}

fn value_text(json: &str) -> String {
    match serde_json::from_str::<String>(json) {
        Ok(text) if is_plain(&text) => text,
        _ => json.to_owned(),
    }
}

/// Whether a text is a word, and no number, boolean or null.
fn is_plain(text: &str) -> bool {
    let is_value = serde_json::from_str::<&RawValue>(text).is_ok();
    !text.is_empty() && text.chars().all(is_word) && !is_value
}

fn is_word(character: char) -> bool {
    let is_sign = ['"', '=', '{', '[', '\\'].contains(&character);
    !character.is_whitespace() && !azud_sandbox::is_hidden(character) && !is_sign
}

/// The row as it was written, but for characters that a terminal acts on.
pub(super) fn json(row: &str) -> String {
    crate::log::shown(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_keys_and_values() {
        assert_eq!(
            text(r#"{"word":"to","count":2,"ok":true,"no":null,"said":"to be","is":""}"#),
            r#"word=to count=2 ok=true no=null said="to be" is="""#
        );
        assert_eq!(
            text(
                r#"{"d":123456789012345678901.5,"l":[1,"a"],"s":{"a":1},"at":"2026-07-01T10:00:00.000Z"}"#
            ),
            r#"d=123456789012345678901.5 l=[1,"a"] s={"a":1} at=2026-07-01T10:00:00.000Z"#
        );
    }

    #[test]
    fn a_text_is_not_taken_for_something_else() {
        for said in ["12", "null", "true", "a=b", "\\\"quoted\\\"", "{}", "a\\nb"] {
            let row = format!(r#"{{"a":"{said}"}}"#);
            assert_eq!(text(&row), format!(r#"a="{said}""#));
        }
    }

    #[test]
    fn a_name_is_not_taken_for_something_else() {
        assert_eq!(
            text(r#"{"a b":"x","x=y":5,"":1,"say \"a\"":2,"a\nb":3,"12":6}"#),
            r#""a b"=x "x=y"=5 ""=1 "say \"a\""=2 "a\nb"=3 12=6"#
        );
        assert_eq!(text("{\"\u{202e}a\":4}"), r#""\u{202e}a"=4"#);
    }

    #[test]
    fn nothing_acts_on_the_terminal() {
        let row = "{\"a\":\"x\u{202e}y\u{9b}\"}";
        assert_eq!(text(row), r#"a="x\u{202e}y\u{9b}""#);
        assert_eq!(json(row), r#"{"a":"x\u202ey\u009b"}"#);
    }
}
