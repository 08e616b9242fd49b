//! What `avro` needs and what has no meaning in it.

use crate::{AvroSink, AvroSource, Format, Span, Spanned, draft::Draft, report::Findings};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for source in draft.sources.values() {
        let avro = source.avro.as_ref();
        format(source.format.as_ref(), avro.map(|avro| avro.span), findings);
        if let (Some(format), None) = (is_avro(source.format.as_ref()), avro) {
            findings.add_with_help(
                format.span,
                "`format: avro` needs a schema",
                "name the file that has it: avro: { schema: ./user.avsc }",
            );
        }
        if let Some(avro) = avro {
            of_source(avro, findings);
        }
    }
    for sink in draft.sinks.values() {
        let avro = sink.avro.as_ref();
        format(sink.format.as_ref(), avro.map(|avro| avro.span), findings);
        if let Some(avro) = avro {
            of_sink(avro, findings);
        }
    }
}

fn is_avro(format: Option<&Spanned<Format>>) -> Option<&Spanned<Format>> {
    format.filter(|format| format.value == Format::Avro)
}

fn format(format: Option<&Spanned<Format>>, avro: Option<Span>, findings: &mut Findings) {
    if let (None, Some(span)) = (is_avro(format), avro) {
        findings.add(span, "`avro` has a meaning only beside `format: avro`");
    }
}

fn of_source(avro: &AvroSource, findings: &mut Findings) {
    if let (Some(writer), Some(_)) = (&avro.writer, &avro.registry) {
        findings.add_with_help(
            writer.span,
            "`writer` has no meaning beside `registry`: each record names the schema that it was written by",
            "remove one of them",
        );
    }
    let registry = avro.registry.is_some();
    only_with_registry(
        registry,
        "wire",
        avro.wire.as_ref().map(|of| of.span),
        findings,
    );
    let (user, password) = (avro.user.as_ref(), avro.password.as_ref());
    secrets(registry, user, password, avro.token.as_ref(), findings);
}

fn of_sink(avro: &AvroSink, findings: &mut Findings) {
    let registry = avro.registry.is_some();
    let (wire, subject) = (&avro.wire, &avro.subject);
    only_with_registry(registry, "wire", wire.as_ref().map(|of| of.span), findings);
    only_with_registry(
        registry,
        "subject",
        subject.as_ref().map(|of| of.span),
        findings,
    );
    let (user, password) = (avro.user.as_ref(), avro.password.as_ref());
    secrets(registry, user, password, avro.token.as_ref(), findings);
}

fn only_with_registry(registry: bool, key: &str, span: Option<Span>, findings: &mut Findings) {
    if let (false, Some(span)) = (registry, span) {
        findings.add(
            span,
            format!("`{key}` has a meaning only beside `registry`"),
        );
    }
}

fn secrets(
    registry: bool,
    user: Option<&Spanned<String>>,
    password: Option<&Spanned<String>>,
    token: Option<&Spanned<String>>,
    findings: &mut Findings,
) {
    for (key, value) in [("user", user), ("password", password), ("token", token)] {
        only_with_registry(registry, key, value.map(|value| value.span), findings);
    }
    match (user, password, token) {
        (Some(user), _, Some(_)) => {
            findings.add(user.span, "`user` and `token` exclude each other");
        }
        (Some(user), None, None) => findings.add(user.span, "`user` needs a `password`"),
        (None, Some(password), _) => findings.add(password.span, "`password` needs a `user`"),
        _ => {}
    }
}
