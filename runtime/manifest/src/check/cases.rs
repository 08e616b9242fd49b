//! Tests name sources and nodes that are there, and have a name of their own.

use std::collections::HashMap;

use azud_model::Duration;

use super::tables;
use crate::{
    Spanned, Test,
    draft::{Draft, NodeKind},
    nearest::did_you_mean,
    report::Findings,
};

/// A hundred years: the clock stays where every part can count.
const MAX_ADVANCE: Duration = Duration::from_secs(36_500 * 86_400);

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    names(&draft.tests, findings);
    for test in &draft.tests {
        steps(test, findings);
    }
    // A section of nodes that cannot be read may hold what a test names.
    if !draft.names_complete {
        return;
    }
    for test in &draft.tests {
        for step in &test.input {
            for rows in step.rows.values() {
                source(draft, &rows.node, findings);
            }
            for rows in step.expect.values() {
                node(draft, &rows.node, findings);
            }
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

/// What only all steps together can tell.
fn steps(test: &Test, findings: &mut Findings) {
    if findings.is_full() {
        return;
    }
    let name = &test.name;
    if test.expect.is_empty() && test.input.iter().all(|step| step.expect.is_empty()) {
        findings.add_with_help(
            name.span,
            format!("the test `{}` expects nothing", name.value),
            "write `expect` beside `input`, or into its steps",
        );
    }
    if let Some(restart) = test.input.first().and_then(|step| step.restart) {
        findings.add_with_help(
            restart,
            "nothing has run yet that `restart` could stop",
            "let a step with rows come before this one",
        );
    }
    let mut left = MAX_ADVANCE.as_millis();
    for advance in test.input.iter().filter_map(|step| step.advance.as_ref()) {
        let Some(rest) = left.checked_sub(advance.value.as_millis()) else {
            findings.add(
                advance.span,
                format!("the steps of a test advance by {MAX_ADVANCE} in all at most"),
            );
            return;
        };
        left = rest;
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
            let known = sources.map(|(_, name)| name.value.as_str());
            let known = known.chain(["restart", "advance", "expect"]);
            let guess = did_you_mean(&name.value, known);
            findings.add_with_help(
                name.span,
                format!("there is no source `{}`{guess}", name.value),
                "a step of `input` has sources, `restart`, `advance` and `expect`",
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
                did_you_mean(other, ["rejected", "late"])
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
