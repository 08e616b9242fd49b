//! Reads the section `tests`, by hand: every row and every column of it has a place.

use indexmap::IndexMap;

use crate::{
    Spanned,
    decode::decode,
    manifest::{Test, TestRow, TestRows},
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
    let (name, input, expect) = (node.get("name")?, node.get("input")?, node.get("expect")?);
    let input = match &input.kind {
        Kind::List(epochs) => epochs.iter().map(rows_by_node).collect(),
        _ => vec![rows_by_node(input)],
    };
    Some(Test {
        name: decode(name, findings)?,
        input,
        expect: rows_by_node(expect),
        mode: match node.get("mode") {
            Some(mode) => Some(decode(mode, findings)?),
            None => None,
        },
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
