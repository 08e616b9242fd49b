//! Draws a diagnostic as rustc does.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::{Diagnostic, Span};

/// Lines longer than this are cut around the caret.
const WIDTH: usize = 120;

pub(crate) fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let line = diagnostic.text.line(diagnostic.span.start);
    // Only the line itself is handed over, so that a long manifest costs nothing; a longer stretch
    // is marked up to the end of its first line.
    let caret = within(line.text, diagnostic.span, line.start);
    let snippet = Snippet::source(line.text)
        .line_start(line.number)
        .path(&diagnostic.text.name)
        .annotation(AnnotationKind::Primary.span(caret.start..caret.end));
    let mut group = Level::ERROR
        .primary_title(&diagnostic.message)
        .element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let drawn = renderer.term_width(WIDTH).render(&[group]);
    // Where a caret ends a line, what is drawn must not end in blanks.
    drawn
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The part of `span` that is on the line that starts at `line_start`, relative to it.
fn within(line: &str, span: Span, line_start: usize) -> Span {
    let clamp =
        |offset: usize| line.floor_char_boundary(offset.saturating_sub(line_start).min(line.len()));
    let start = clamp(span.start);
    let end = clamp(span.end).max(start);
    let marked = line.get(start..end).unwrap_or_default().trim_end();
    Span::new(start, start + marked.len())
}
