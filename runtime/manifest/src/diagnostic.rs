//! One thing that is wrong with a manifest, with its place.

use std::{fmt, sync::Arc};

use crate::{Span, render, text::Text};

/// One error, and where in the manifest it is.
///
/// `Display` gives the whole picture: message, place, the line with a caret, help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub(crate) text: Arc<Text>,
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Diagnostic {
    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The manifest's name, as it was given to [`parse`](crate::parse).
    #[must_use]
    pub fn file(&self) -> &str {
        &self.text.name
    }

    /// The stretch of text that is to blame.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The line and the column where it starts, both counted from 1, the column in characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        self.text.line_and_column(self.span.start)
    }

    /// The whole picture, with terminal colours if asked for.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostic {}
