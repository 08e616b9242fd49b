//! From a place in a string to the place in the YAML that says the string.
//!
//! YAML indents, folds and quotes, but it never changes the order of what is not blank: the n-th
//! such character of the string is the n-th of the text. One rule for plain, quoted and block scalars.

use crate::{Span, Spanned, text::Text};

/// The place of the bytes `start..end` of the string.
pub(crate) fn span(text: &Text, string: &Spanned<String>, start: usize, end: usize) -> Span {
    let raw = text.slice(string.span);
    let Some(places) = places(raw, &string.value) else {
        return string.span;
    };
    // The first character at or after `start`, and the last one before `end`.
    let first = places.iter().find(|(at, _, _)| *at >= start);
    let Some((at, from, len)) = first.or(places.last()) else {
        return string.span;
    };
    let last = places
        .iter()
        .rev()
        .find(|(other, _, _)| *other < end && other >= at);
    let (until, last_len) = last.map_or((*from, *len), |(_, until, len)| (*until, *len));
    let base = string.span.start;
    Span::new(base + from, base + until + last_len)
}

/// For every character of the string that is not blank: its byte in the string, its byte in the raw
/// text, its length. `None` where the two do not say the same.
fn places(raw: &str, value: &str) -> Option<Vec<(usize, usize, usize)>> {
    let body = raw.len() - body(raw).len();
    let quote = raw
        .chars()
        .next()
        .filter(|first| ['"', '\''].contains(first));
    let mut written = raw.get(body..)?.char_indices().peekable();
    let mut places = Vec::new();
    for (at, wanted) in value.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let (from, found) = loop {
            let (from, found) = written.next()?;
            let next = written.peek().map(|(_, next)| *next);
            match (quote, found, next) {
                (_, found, _) if found.is_whitespace() => {}
                (Some('\''), '\'', Some('\'')) | (Some('"'), '\\', Some('"' | '\\' | '/')) => {
                    break written.next()?;
                }
                // Blanks by another name, and the end of a line that goes on.
                (Some('"'), '\\', Some('n' | 't' | 'r' | '\n' | '\r')) => {
                    written.next();
                }
                _ => break (from, found),
            }
        };
        if found != wanted {
            return None;
        }
        places.push((at, body + from, wanted.len_utf8()));
    }
    Some(places)
}

/// What comes after an opening quote or the header of a block.
fn body(raw: &str) -> &str {
    match raw.chars().next() {
        Some('"' | '\'') => raw.get(1..).unwrap_or_default(),
        Some('|' | '>') => raw.split_once('\n').map_or("", |(_, body)| body),
        _ => raw,
    }
}

/// The bytes of the word at a line and a column of `value`, both counted from 1.
pub(crate) fn word_at(value: &str, line: usize, column: usize) -> (usize, usize) {
    let before: usize = value
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = value.get(before..).unwrap_or_default();
    let within = rest
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(rest.len(), |(at, _)| at);
    let start = before + within;
    let word = value.get(start..).unwrap_or_default();
    let len = word
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(word.len());
    // A place between words is one character wide.
    let len = if len == 0 {
        word.chars().next().map_or(0, char::len_utf8)
    } else {
        len
    };
    (start, start + len)
}

#[cfg(test)]
mod tests {
    use super::{span, word_at};
    use crate::{Span, Spanned, text::Text};

    /// Where `word` of `value` is found in `yaml`, which says the value from its byte `start` on.
    fn found<'a>(text: &'a Text, start: usize, value: &str, word: &str) -> (usize, &'a str) {
        let whole = Span::new(start, text.text.trim_end().len());
        let at = value.find(word).unwrap();
        let place = span(
            text,
            &Spanned::new(value.to_owned(), whole),
            at,
            at + word.len(),
        );
        (place.start, text.slice(place))
    }

    #[test]
    fn every_kind_of_scalar_is_followed() {
        for (yaml, value) in [
            ("q: SELECT bad FROM t", "SELECT bad FROM t"),
            ("q: SELECT bad\n   FROM t", "SELECT bad FROM t"),
            ("q: 'SELECT ''x'', bad FROM t'", "SELECT 'x', bad FROM t"),
            (
                "q: \"SELECT \\\"x\\\",\\n bad FROM t\"",
                "SELECT \"x\",\n bad FROM t",
            ),
            (
                "q: |\n  SELECT\n    bad\n  FROM t\n",
                "SELECT\n  bad\nFROM t\n",
            ),
            (
                "q: |-\r\n  SELECT\r\n    bad FROM t\r\n",
                "SELECT\n  bad FROM t",
            ),
            (
                "q: >\n  SELECT é,\n  bad\n  FROM t\n",
                "SELECT é, bad FROM t\n",
            ),
        ] {
            let text = Text::new("t.yaml", yaml);
            let expected = yaml.find("bad").unwrap();
            assert_eq!(found(&text, 3, value, "bad"), (expected, "bad"), "{yaml:?}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_the_whole_string() {
        for (yaml, value) in [
            ("q: \"SELECT \\x41 bad\"", "SELECT A bad"),
            ("q: SELECT ${X} bad", "SELECT x bad"),
        ] {
            let text = Text::new("t.yaml", yaml);
            assert_eq!(found(&text, 3, value, "bad"), (3, &yaml[3..]), "{yaml:?}");
        }
    }

    #[test]
    fn a_line_and_a_column_are_a_word() {
        let value = "SELECT é,\n  bad_1 + 1";
        let word = |line, column| {
            let (start, end) = word_at(value, line, column);
            &value[start..end]
        };
        assert_eq!(word(1, 1), "SELECT");
        assert_eq!(word(1, 8), "é");
        assert_eq!(word(2, 3), "bad_1");
        assert_eq!(word(2, 9), "+");
        assert_eq!(word(9, 9), "");
    }
}
