//! The manifest's text, and where its lines are.

use crate::Span;

/// A named text that diagnostics point into.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// One line of the text, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: usize,
    /// The byte at which it starts.
    pub(crate) start: usize,
    pub(crate) text: &'a str,
}

impl Text {
    /// A byte order mark is no part of the text: editors do not count it as a column.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        }
    }

    /// What is written at `span`, or nothing when it is outside the text.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The nearest place at or before `offset` that is inside the text and starts a character.
    pub(crate) fn floor(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }

    /// The line that holds `offset`.
    pub(crate) fn line(&self, offset: usize) -> Line<'_> {
        let (before, after) = self.text.split_at(self.floor(offset));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after
            .find('\n')
            .map_or(self.text.len(), |newline| before.len() + newline);
        let line = self.text.get(start..end).unwrap_or_default();
        Line {
            number: before.matches('\n').count() + 1,
            start,
            text: line.strip_suffix('\r').unwrap_or(line),
        }
    }

    /// The line and the column of `offset`, both counted from 1, the column in characters.
    pub(crate) fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.floor(offset);
        let line = self.line(offset);
        let before = self.text.get(line.start..offset).unwrap_or_default();
        (line.number, before.chars().count() + 1)
    }
}
