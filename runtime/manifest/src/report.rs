//! All that is wrong with a manifest, at once.

use std::{fmt, sync::Arc};

use crate::{Diagnostic, Span, text::Text};

/// More errors than this are counted, not drawn: nobody reads them, and a hostile file could ask for
/// hundreds of megabytes of them.
const MAX_DRAWN: usize = 50;

/// With this many errors no stage looks for more.
const ENOUGH: usize = 200;

/// Every error of a manifest, in the order of their places. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// The errors, in the order of their places.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// All of them drawn, an empty line between two, with terminal colours if asked for.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut drawn: Vec<_> = self
            .diagnostics
            .iter()
            .take(MAX_DRAWN)
            .map(|one| one.render(colour))
            .collect();
        let rest = self.diagnostics.len().saturating_sub(MAX_DRAWN);
        if rest > 0 {
            drawn.push(format!("error: and {rest} more, not shown"));
        }
        drawn.join("\n\n")
    }
}

impl From<Vec<Diagnostic>> for Report {
    /// A report of what later stages found; sorts by place.
    fn from(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|one| one.span.start);
        diagnostics.dedup();
        Self { diagnostics }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

/// Where the stages of parsing put what they find.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) text: Arc<Text>,
    diagnostics: Vec<Diagnostic>,
}

impl Findings {
    pub(crate) const fn new(text: Arc<Text>) -> Self {
        Self {
            text,
            diagnostics: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, span: Span, message: impl Into<String>) {
        self.push(span, message.into(), None);
    }

    pub(crate) fn add_with_help(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(span, message.into(), Some(help.into()));
    }

    pub(crate) fn push(&mut self, span: Span, message: String, help: Option<String>) {
        self.diagnostics.push(Diagnostic {
            text: Arc::clone(&self.text),
            span,
            message,
            help,
        });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.diagnostics.len() >= ENOUGH
    }

    /// Whether something is wrong with what is written at `span`.
    pub(crate) fn blame(&self, span: Span) -> bool {
        self.diagnostics.iter().any(|one| {
            span.start <= one.span.start && one.span.start < span.end.max(span.start + 1)
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.diagnostics.len()
    }

    /// Forgets what was found since there were `len` findings, and gives it back.
    pub(crate) fn take_since(&mut self, len: usize) -> Vec<Diagnostic> {
        self.diagnostics.split_off(len.min(self.diagnostics.len()))
    }

    pub(crate) fn extend(&mut self, diagnostics: Vec<Diagnostic>) {
        self.diagnostics.extend(diagnostics);
    }

    /// Whether something is wrong that is in none of `sections`.
    pub(crate) fn any_outside(&self, sections: &[Span]) -> bool {
        self.diagnostics.iter().any(|one| {
            !sections
                .iter()
                .any(|section| (section.start..section.end).contains(&one.span.start))
        })
    }

    pub(crate) fn into_report(self) -> Report {
        self.diagnostics.into()
    }

    pub(crate) fn into_result(self) -> Result<(), Report> {
        if self.diagnostics.is_empty() {
            Ok(())
        } else {
            Err(self.diagnostics.into())
        }
    }
}
