//! What is found out about a component before it is trusted.

use arrow::datatypes::DataType;
use azud_sandbox::inspect::{Inspection, Reach, ask};

use crate::support::{batch, guest, plugin, sandbox};

#[test]
fn imports_are_told_not_refused() {
    let mut bytes = std::fs::read(guest("hostile")).unwrap();
    let name = b"azud:plugin/log@0.1.0";
    let places = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name));
    for at in places.collect::<Vec<_>>() {
        bytes[at..at + 4].copy_from_slice(b"evil");
    }
    let inspection = Inspection::of_bytes(sandbox(), "x.wasm", &bytes).unwrap();
    assert!(!inspection.can_run());
    assert!(inspection.has("transform") && !inspection.has("sink"));
    let foreign = inspection
        .imports
        .iter()
        .find(|import| import.reach == Reach::Foreign);
    assert_eq!(foreign.unwrap().name, "evil:plugin/log@0.1.0");
    assert_eq!(inspection.bytes, bytes.len());
}

#[test]
fn what_is_no_plugin_is_refused_as_ever() {
    let refusal = |bytes: &[u8]| {
        let error = Inspection::of_bytes(sandbox(), "x.wasm", bytes);
        error.unwrap_err().to_string()
    };
    assert!(refusal(b"#!/bin/sh").starts_with("x.wasm is no WebAssembly file"));
    assert!(refusal(b"\0asm\x01\0\0\0").starts_with("x.wasm is a core module"));
    assert!(refusal(b"\0asm\x0d\0\x01\0").starts_with("x.wasm is no azud plugin"));
}

#[test]
fn the_columns_are_found_by_asking() {
    let asked = ask(&plugin("picky"), "{}", None);
    let input: Vec<_> = asked
        .input
        .iter()
        .map(|column| (column.name.as_str(), column.data_type.clone(), column.read))
        .collect();
    assert_eq!(input, [("n", Some(DataType::Int64), true)]);
    let output = asked.output.unwrap();
    let output: Vec<_> = output
        .iter()
        .map(|column| (column.field.name().as_str(), column.carried))
        .collect();
    assert_eq!(output, [("n", Some(0)), ("part", None)]);
}

#[test]
fn a_schema_that_is_given_is_the_one_that_is_asked_about() {
    let schema = batch(0).schema();
    let asked = ask(&plugin("picky"), "{}", Some(&schema));
    let input: Vec<_> = asked
        .input
        .iter()
        .map(|one| (one.name.as_str(), one.read))
        .collect();
    assert_eq!(input, [("n", true), ("s", false)]);
    assert_eq!(asked.output.unwrap().len(), 3);

    let asked = ask(&plugin("picky"), r#"{"a":1}"#, Some(&schema));
    let error = asked.output.unwrap_err().to_string();
    assert!(
        error.starts_with("the plugin refuses: config: unknown field `a`"),
        "{error}"
    );
}

/// A guest that is not of the SDK says what it says, once.
#[test]
fn other_words_are_told() {
    let words = |config| {
        ask(&plugin("hostile"), config, None)
            .output
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        words("open-refuses"),
        "the plugin refuses: 0 columns are too few\\u{1b}[2J"
    );
    assert_eq!(
        words("open-loops"),
        "the plugin took longer than 1s for a call (limits: deadline)"
    );
}
