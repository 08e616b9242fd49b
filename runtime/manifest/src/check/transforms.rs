//! Keys of a transform that belong to plugins or to queries only.

use crate::{Span, Transform, draft::Draft, manifest::Step, report::Findings};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for transform in draft.transforms.values() {
        match transform.step() {
            Step::Sql(_) => sql(transform, findings),
            Step::Plugin(_) => plugin(transform, findings),
        }
    }
}

fn sql(transform: &Transform, findings: &mut Findings) {
    if let Some(from) = transform.from.first() {
        findings.add_with_help(
            from.span,
            "`from` has no meaning beside `sql`: a query names the nodes that it reads",
            "remove it, and name the node in the query's FROM",
        );
    }
    let of_plugins: [(&str, Option<Span>); 4] = [
        ("key", transform.key.first().map(|key| key.span)),
        (
            "config",
            transform.config.as_ref().map(|config| config.span),
        ),
        (
            "max_rows",
            transform.max_rows.as_ref().map(|rows| rows.span),
        ),
        (
            "max_wait",
            transform.max_wait.as_ref().map(|wait| wait.span),
        ),
    ];
    for (key, span) in of_plugins {
        if let Some(span) = span {
            findings.add(span, format!("`{key}` has a meaning only beside `plugin`"));
        }
    }
}

fn plugin(transform: &Transform, findings: &mut Findings) {
    if transform.from.is_empty() {
        findings.add_with_help(
            transform.name.span,
            format!("`{}` needs the key `from`", transform.name.value),
            "it names the node, or the nodes, whose rows the plugin is given",
        );
    }
    for (number, key) in transform.key.iter().enumerate() {
        let mut before = transform.key.iter().take(number);
        if before.any(|other| other.value == key.value) {
            findings.add(key.span, format!("`key` names `{}` twice", key.value));
        }
    }
    if let Some(state) = &transform.state {
        findings.add(state.span, "`state` has a meaning only beside `sql`");
    }
}
