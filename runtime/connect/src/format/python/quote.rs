//! `repr` of a text.

use std::fmt::Write as _;

/// Appends the text in quotes: single ones, unless only they occur in it.
pub(super) fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            // Writing to a string cannot fail.
            c => match u32::from(c) {
                code @ ..=0xff => drop(write!(out, "\\x{code:02x}")),
                code @ ..=0xffff => drop(write!(out, "\\u{code:04x}")),
                code => drop(write!(out, "\\U{code:08x}")),
            },
        }
    }
    out.push(mark);
}

/// Python's `str.isprintable`: everything but the Unicode categories "other"
/// and "separator", the space excepted. Rust's `escape_debug` decides by the
/// same categories; it also escapes accents, but only at the start of a text.
fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        c if c.is_ascii() => false,
        c => {
            let mut bytes = [b'a'; 5];
            let length = c.len_utf8();
            if let Some(rest) = bytes.get_mut(1..) {
                c.encode_utf8(rest);
            }
            let pair = bytes
                .get(..=length)
                .and_then(|pair| std::str::from_utf8(pair).ok());
            pair.is_some_and(|pair| pair.escape_debug().nth(1) == Some(c))
        }
    }
}
