//! Text in, checked manifest out: the order of the stages.

use std::sync::Arc;

use crate::{
    Connector, Manifest, Report, Span, check,
    decode::decode,
    draft::Draft,
    json_schema,
    manifest::Root,
    report::Findings,
    shape::Shape,
    substitute::{Env, substitute},
    text::Text,
    yaml::{Node, read},
};

/// Reads and checks a manifest.
///
/// `file_name` is for messages only. `env` gives the value of an environment variable.
///
/// # Errors
/// All that is wrong with the manifest, at once; only a text that is not YAML ends at its first error.
pub fn parse(
    file_name: &str,
    text: &str,
    connectors: &[Connector],
    env: Env<'_>,
) -> Result<Manifest, Report> {
    let text = Arc::new(Text::new(file_name, text));
    let mut findings = Findings::new(Arc::clone(&text));
    let manifest = stages(connectors, env, &mut findings);
    findings.into_result()?;
    manifest.ok_or_else(|| {
        let mut findings = Findings::new(text);
        findings.add(Span::default(), "the manifest could not be read");
        findings.into_report()
    })
}

fn stages(connectors: &[Connector], env: Env<'_>, findings: &mut Findings) -> Option<Manifest> {
    let mut tree = read(findings)?;
    substitute(&mut tree, env, findings);
    Shape::new(&json_schema(connectors)).check_root(&mut tree, findings);
    let root = root(&tree, findings);
    let draft = Draft::read(&tree, connectors, root, findings);
    check::check(&draft, findings);
    draft.finish(Arc::clone(&findings.text))
}

/// The keys of the manifest itself, unless something is wrong with one of them.
fn root(tree: &Node, findings: &mut Findings) -> Option<Root> {
    let sections: Vec<_> = ["sources", "transforms", "sinks", "plugins", "tests"]
        .iter()
        .filter_map(|key| tree.entry(key))
        .map(|entry| Span::new(entry.key_span.start, entry.value.span.end))
        .collect();
    if findings.any_outside(&sections) {
        None
    } else {
        decode(tree, findings)
    }
}
