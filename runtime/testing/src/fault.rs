//! What is wrong with a test itself.

use azud_manifest::{Manifest, Span};

/// A mistake in a test, at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

// === impl Fault ===

impl Fault {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }

    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Puts `context: ` before the text.
    #[must_use]
    pub(crate) fn within(mut self, context: &str) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// The whole picture: message, place, caret, help.
    pub(crate) fn draw(self, manifest: &Manifest) -> String {
        let diagnostic = manifest.diagnostic(self.span, self.message, self.help);
        diagnostic.render(false)
    }
}
