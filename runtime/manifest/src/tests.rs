//! Reads the section `tests`, by hand: every row and every column of it has a place.

use indexmap::IndexMap;

use crate::{
    Spanned,
    decode::decode,
    manifest::{Test, TestRow, TestRows, TestStep},
    report::Findings,
    yaml::{Entry, Kind, Node},
};

/// The tests with whose shape nothing is wrong.
pub(crate) fn read(tree: &Node, findings: &mut Findings) -> Vec<Test> {
    let tests = tree.get("tests").map_or(&[][..], items);
    tests
        .iter()
        .filter_map(|node| match findings.blame(node.span) {
            true => None,
            false => test(node, findings),
        })
        .collect()
}

fn test(node: &Node, findings: &mut Findings) -> Option<Test> {
    // One that lacks a key was told of by the shape.
    let (name, input) = (node.get("name")?, node.get("input")?);
    let steps = match &input.kind {
        Kind::List(steps) => steps.as_slice(),
        _ => std::slice::from_ref(input),
    };
    let input = steps.iter().map(|node| step(node, findings));
    Some(Test {
        input: input.collect::<Option<_>>()?,
        name: decode(name, findings)?,
        expect: node.get("expect").map(rows_by_node).unwrap_or_default(),
        mode: match node.get("mode") {
            Some(mode) => Some(decode(mode, findings)?),
            None => None,
        },
    })
}

/// Every key but those of a step itself is a source.
fn step(node: &Node, findings: &mut Findings) -> Option<TestStep> {
    let mut rows = rows_by_node(node);
    for key in ["restart", "advance", "expect"] {
        rows.shift_remove(key);
    }
    let mut entries = node.entries().iter();
    let restart = entries.find(|entry| entry.key == "restart");
    let restart = restart.filter(|entry| matches!(entry.value.kind, Kind::Bool(true)));
    Some(TestStep {
        restart: restart.map(|entry| entry.key_span),
        advance: match node.get("advance") {
            Some(advance) => Some(decode(advance, findings)?),
            None => None,
        },
        rows,
        expect: node.get("expect").map(rows_by_node).unwrap_or_default(),
    })
}

fn rows_by_node(node: &Node) -> IndexMap<String, TestRows> {
    let rows = |entry: &Entry| TestRows {
        node: Spanned::new(entry.key.clone(), entry.key_span),
        rows: items(&entry.value).iter().map(row).collect(),
    };
    let entries = node.entries().iter();
    entries
        .map(|entry| (entry.key.clone(), rows(entry)))
        .collect()
}

fn row(node: &Node) -> TestRow {
    let columns = node.entries().iter();
    let columns = columns.map(|entry| (entry.key.clone(), entry.key_span));
    TestRow::new(Spanned::new(node.to_json(), node.span), columns.collect())
}

fn items(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => &[],
    }
}
