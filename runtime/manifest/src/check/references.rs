//! Whoever is named must be there.

use super::tables;
use crate::{
    Spanned,
    draft::{Draft, NodeKind},
    manifest::Step,
    nearest::did_you_mean,
    report::Findings,
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    if !draft.names_complete {
        return;
    }
    for transform in draft.transforms.values() {
        transform
            .from
            .iter()
            .for_each(|from| node(draft, from, findings));
        if let Step::Plugin(plugin) = transform.step() {
            self::plugin(draft, plugin, findings);
        }
    }
    let dead_letters = draft
        .root
        .as_ref()
        .and_then(|root| root.dead_letters.as_ref());
    for sink in draft.sinks.values() {
        sink.from
            .iter()
            .for_each(|from| node(draft, from, findings));
        if let Some(plugin) = &sink.plugin {
            self::plugin(draft, plugin, findings);
        }
        let is_spared = match (&draft.root, dead_letters) {
            // Who knows what the broken keys of the manifest would say.
            (None, _) => true,
            (_, Some(spared)) => {
                // A misspelt name may be meant for this one.
                spared.value == sink.name.value || !is_sink(draft, &spared.value)
            }
            (_, None) => false,
        };
        if sink.from.is_empty() && !is_spared {
            findings.add_with_help(
                sink.name.span,
                format!("`{}` needs the key `from`", sink.name.value),
                "it names the node, or the nodes, whose rows the sink is given",
            );
        }
    }
    if let Some(name) = dead_letters {
        sink(draft, name, findings);
    }
}

/// A node that rows come from, or one of its side outputs.
fn node(draft: &Draft, from: &Spanned<String>, findings: &mut Findings) {
    if findings.is_full() {
        return;
    }
    let (name, output) = match from.value.split_once('.') {
        Some((name, output)) => (name, Some(output)),
        None => (from.value.as_str(), None),
    };
    let shown = shown(from, findings);
    let readable = |kind: NodeKind| kind != NodeKind::Sink || output.is_some();
    let Some((kind, _)) = draft.names.iter().find(|(_, known)| known.value == name) else {
        let known = draft.names.iter().filter(|(kind, _)| readable(*kind));
        let guess = did_you_mean(name, known.map(|(_, name)| name.value.as_str()));
        let message = format!(
            "there is no node `{}`{guess}",
            shown.split('.').next().unwrap_or(&shown)
        );
        findings.add_with_help(from.span, message, "`from` names a source or a transform");
        return;
    };
    if let Some(table) = draft.sources.get(name).filter(|source| source.is_static()) {
        tables::refuse(table, from.span, findings);
        return;
    }
    match output {
        None if *kind == NodeKind::Sink => findings.add_with_help(
            from.span,
            format!("`{shown}` is a sink: nothing can be read from it"),
            "read the node that the sink reads",
        ),
        None | Some("rejected") => {}
        Some("late") if *kind == NodeKind::Transform => {}
        Some(other) => findings.add_with_help(
            from.span,
            format!(
                "`{name}` has no output `{other}`{}",
                did_you_mean(other, ["rejected", "late"])
            ),
            format!("there is `{name}` and, with what it could not handle, `{name}.rejected`"),
        ),
    }
}

fn plugin(draft: &Draft, name: &Spanned<String>, findings: &mut Findings) {
    if findings.is_full() || draft.plugin_names.contains(&name.value) {
        return;
    }
    let shown = shown(name, findings);
    let guess = did_you_mean(&name.value, draft.plugin_names.iter().map(String::as_str));
    findings.add_with_help(
        name.span,
        format!("there is no plugin `{shown}`{guess}"),
        format!("say where it is: plugins: {{ {shown}: {{ path: {shown}.wasm }} }}"),
    );
}

fn sink(draft: &Draft, name: &Spanned<String>, findings: &mut Findings) {
    if is_sink(draft, &name.value) {
        return;
    }
    let shown = shown(name, findings);
    let sinks = || {
        draft
            .names
            .iter()
            .filter(|(kind, _)| *kind == NodeKind::Sink)
    };
    let other = draft.names.iter().any(|(_, node)| node.value == name.value);
    let message = if other {
        format!("`{shown}` is no sink: `dead_letters` names a sink")
    } else {
        let guess = did_you_mean(&name.value, sinks().map(|(_, sink)| sink.value.as_str()));
        format!("there is no sink `{shown}`{guess}")
    };
    findings.add(name.span, message);
}

fn is_sink(draft: &Draft, name: &str) -> bool {
    draft
        .names
        .iter()
        .any(|(kind, known)| *kind == NodeKind::Sink && known.value == name)
}

/// The name as written: never what a variable stands for.
fn shown(name: &Spanned<String>, findings: &Findings) -> String {
    let written = findings.text.slice(name.span);
    if written.contains("${") {
        written.to_owned()
    } else {
        name.value.clone()
    }
}
