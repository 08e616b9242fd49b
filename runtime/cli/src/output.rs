//! Text for stdout.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::log::shown;

/// Writes it, at once; a reader that has gone away (`| head`) is no failure.
///
/// # Errors
/// Where it cannot be written: the disk is full, say.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_while_read(text).map(drop)
}

/// The same for what has no end; answers whether somebody reads still.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_while_read(text: &str) -> Result<bool, Failure> {
    match written(text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::Output(error)),
    }
}

/// Writes bytes to stdout, at once.
///
/// # Errors
/// Those of the standard output; `BrokenPipe` where nobody reads it any more.
pub(crate) fn written(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes it as JSON, for programs.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&as_json(value)?)
}

/// Writes text in which others may have named something: it hides nothing.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    print(&azud_sandbox::escaped_lines(text))
}

fn as_json(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Input(format!("no JSON: {error}")))?;
    Ok(shown(&text) + "\n")
}

/// Rows below heads, in columns as wide as they need to be.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.zip(&widths);
        let padded: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut heads.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_hides_nothing_and_says_the_same() {
        let value = serde_json::json!({ "a\u{200b}": ["b\n\u{9b}", 1] });
        let Ok(text) = as_json(&value) else {
            panic!("it is JSON")
        };
        let expected = "{\n  \"a\\u200b\": [\n    \"b\\n\\u009b\",\n    1\n  ]\n}\n";
        assert_eq!(text, expected);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["naïve".to_owned(), "1".to_owned()],
            vec!["b".to_owned(), String::new()],
        ];
        assert_eq!(table(&["word", "n"], &rows), "word   n\nnaïve  1\nb\n");
    }
}
