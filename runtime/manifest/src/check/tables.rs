//! Keys of a source that have no meaning for a table, and who cannot read one.

use crate::{Source, Span, Spanned, draft::Draft, report::Findings};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for source in draft.sources.values().filter(|source| source.is_static()) {
        let of_streams: [(&str, Option<Span>); 4] = [
            ("time", source.time.as_ref().map(|time| time.column.span)),
            ("durability", span(source.durability.as_ref())),
            ("journal_size", span(source.journal_size.as_ref())),
            ("on_full", span(source.on_full.as_ref())),
        ];
        for (key, span) in of_streams {
            if let Some(span) = span {
                findings.add_with_help(
                    span,
                    format!("`{key}` has no meaning beside `static`: a table does not stream"),
                    "remove it",
                );
            }
        }
    }
}

fn span<T>(key: Option<&Spanned<T>>) -> Option<Span> {
    key.map(|key| key.span)
}

/// A name of `from`, or of a test's `expect`.
pub(super) fn refuse(source: &Source, at: Span, findings: &mut Findings) {
    let name = &source.name.value;
    findings.add_with_help(
        at,
        format!("`{name}` is static: its rows are no stream, and can only be joined with one"),
        format!("join it in a transform: sql: SELECT ... FROM stream JOIN {name} ON ..."),
    );
}
