//! From the parser's characters to bytes.

use saphyr_parser::Marker;

use crate::Span;

/// Where each character starts. The parser counts characters, everything else bytes.
pub(super) struct Places {
    /// `None` where characters are bytes.
    starts: Option<Vec<usize>>,
    len: usize,
}

impl Places {
    pub(super) fn new(text: &str) -> Self {
        let starts = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self {
            starts,
            len: text.len(),
        }
    }

    pub(super) fn byte(&self, marker: &Marker) -> usize {
        match &self.starts {
            None => marker.index().min(self.len),
            Some(starts) => starts.get(marker.index()).copied().unwrap_or(self.len),
        }
    }

    pub(super) fn span(&self, span: &saphyr_parser::Span) -> Span {
        let start = self.byte(&span.start);
        Span::new(start, self.byte(&span.end).max(start))
    }
}
