//! Tests name sources and nodes that are there, and have a name of their own.

use std::collections::HashMap;

use super::tables;
use crate::{
    Spanned, Test,
    draft::{Draft, NodeKind},
    nearest::did_you_mean,
    report::Findings,
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    names(&draft.tests, findings);
    // A section of nodes that cannot be read may hold what a test names.
    if !draft.names_complete {
        return;
    }
    for test in &draft.tests {
        for rows in test.input.iter().flat_map(|epoch| epoch.values()) {
            source(draft, &rows.node, findings);
        }
        for rows in test.expect.values() {
            node(draft, &rows.node, findings);
        }
    }
}

fn names(tests: &[Test], findings: &mut Findings) {
    let mut seen: HashMap<&str, &Spanned<String>> = HashMap::new();
    for test in tests {
        if findings.is_full() {
            return;
        }
        let Some(first) = seen.insert(&test.name.value, &test.name) else {
            continue;
        };
        let (line, _) = findings.text.line_and_column(first.span.start);
        findings.add_with_help(
            test.name.span,
            format!("a second test called `{}`", test.name.value),
            format!("the first one is on line {line}: rename one of them"),
        );
    }
}

/// A name of `input`.
fn source(draft: &Draft, name: &Spanned<String>, findings: &mut Findings) {
    if findings.is_full() {
        return;
    }
    match kind(draft, &name.value) {
        Some(NodeKind::Source) => {}
        Some(_) => findings.add_with_help(
            name.span,
            format!("`{}` is no source", name.value),
            "`input` gives rows to sources; what other nodes make of them is computed",
        ),
        None => {
            let sources = draft.names.iter();
            let sources = sources.filter(|(kind, _)| *kind == NodeKind::Source);
            let guess = did_you_mean(&name.value, sources.map(|(_, name)| name.value.as_str()));
            findings.add_with_help(
                name.span,
                format!("there is no source `{}`{guess}", name.value),
                "`input` names sources",
            );
        }
    }
}

/// A name of `expect`.
fn node(draft: &Draft, name: &Spanned<String>, findings: &mut Findings) {
    if findings.is_full() {
        return;
    }
    let (node, output) = match name.value.split_once('.') {
        Some((node, output)) => (node, Some(output)),
        None => (name.value.as_str(), None),
    };
    let Some(kind) = kind(draft, node) else {
        let guess = did_you_mean(
            node,
            draft.names.iter().map(|(_, name)| name.value.as_str()),
        );
        findings.add_with_help(
            name.span,
            format!("there is no node `{node}`{guess}"),
            "`expect` names sources, transforms, `<node>.rejected`, or a sink for what it reads",
        );
        return;
    };
    if let Some(table) = draft.sources.get(node).filter(|source| source.is_static()) {
        tables::refuse(table, name.span, findings);
        return;
    }
    match output {
        None => {}
        Some("rejected") if kind != NodeKind::Sink => {}
        Some("late") if kind == NodeKind::Transform => {}
        Some("rejected") => findings.add_with_help(
            name.span,
            format!("`{node}` is a sink: a test leaves it out, so it rejects nothing"),
            "name the node whose rows it rejects",
        ),
        Some(other) => findings.add_with_help(
            name.span,
            format!(
                "`{node}` has no output `{other}`{}",
                did_you_mean(other, ["rejected"])
            ),
            format!("there is `{node}` and, with what it could not handle, `{node}.rejected`"),
        ),
    }
}

fn kind(draft: &Draft, name: &str) -> Option<NodeKind> {
    let mut names = draft.names.iter();
    let found = names.find(|(_, known)| known.value == name);
    found.map(|(kind, _)| *kind)
}
