//! Keys of a sink that belong to plugins or to connectors only.

use crate::{Sink, Span, draft::Draft, report::Findings};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for sink in draft.sinks.values() {
        match &sink.plugin {
            Some(_) => plugin(sink, findings),
            None => connector(sink, findings),
        }
    }
}

fn connector(sink: &Sink, findings: &mut Findings) {
    let of_plugins: [(&str, Option<Span>); 3] = [
        ("config", sink.config.as_ref().map(|config| config.span)),
        ("max_rows", sink.max_rows.as_ref().map(|rows| rows.span)),
        ("max_wait", sink.max_wait.as_ref().map(|wait| wait.span)),
    ];
    for (key, span) in of_plugins {
        if let Some(span) = span {
            findings.add(span, format!("`{key}` has a meaning only beside `plugin`"));
        }
    }
}

fn plugin(sink: &Sink, findings: &mut Findings) {
    let of_connectors: [(&str, Option<Span>); 2] = [
        ("format", sink.format.as_ref().map(|format| format.span)),
        ("header", sink.header.as_ref().map(|header| header.span)),
    ];
    for (key, span) in of_connectors {
        if let Some(span) = span {
            findings.add_with_help(
                span,
                format!("`{key}` has no meaning beside `plugin`: a plugin is given columns"),
                "remove it",
            );
        }
    }
}
