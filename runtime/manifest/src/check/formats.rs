//! What a format needs and what has no meaning beside it.

use crate::{Format, Source, Spanned, draft::Draft, report::Findings};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for source in draft.sources.values() {
        schema(source, findings);
        header(source.header.as_ref(), source.format.as_ref(), findings);
        if let (Some(first), None) = (source.keep.first(), &source.format) {
            findings.add_with_help(
                first.span,
                "`keep` needs a `format`: without one every column of the system is there already",
                "remove `keep`, or say the format of the payload",
            );
        }
    }
    for sink in draft.sinks.values() {
        header(sink.header.as_ref(), sink.format.as_ref(), findings);
    }
}

fn schema(source: &Source, findings: &mut Findings) {
    match (&source.format, &source.schema) {
        (Some(format), None) if format.needs_schema() => findings.add_with_help(
            format.span,
            format!("`format: {}` needs a `schema`", format.value),
            "list the columns with their types: schema: { user: string, amount: bigint }",
        ),
        (Some(format), Some(schema)) if !format.needs_schema() => findings.add_with_help(
            schema.span,
            format!("`schema` has no meaning beside `format: {}`", format.value),
            match format.value {
                Format::Avro => "remove it: the columns are those of the schema under `avro`",
                _ => "remove it, or use json or csv, whose columns it names",
            },
        ),
        (None, Some(schema)) => findings.add_with_help(
            schema.span,
            "`schema` needs a `format`",
            "say how the payload becomes these columns: format: json or format: csv",
        ),
        _ => {}
    }
}

fn header(
    header: Option<&Spanned<bool>>,
    format: Option<&Spanned<Format>>,
    findings: &mut Findings,
) {
    let is_csv = format.is_some_and(|format| format.value == Format::Csv);
    if let (Some(header), false) = (header, is_csv) {
        findings.add(
            header.span,
            "`header` has a meaning only beside `format: csv`",
        );
    }
}
