use std::sync::Arc;

use serde_json::{Value, json};

use super::Shape;
use crate::{report::Findings, text::Text, yaml::read};

fn problems(schema: &Value, text: &str) -> Vec<String> {
    let mut findings = Findings::new(Arc::new(Text::new("t.yaml", text)));
    let mut node = read(&mut findings).unwrap();
    Shape::new(schema).check_root(&mut node, &mut findings);
    findings
        .take_since(0)
        .iter()
        .map(|one| one.message.clone())
        .collect()
}

#[test]
fn limits_are_told() {
    let schema = json!({
        "type": "object",
        "additionalProperties": {
            "type": ["number", "string"], "minimum": 1, "exclusiveMaximum": 10, "minLength": 1,
            "pattern": "^[a-z]*$",
        },
    });
    for (text, expected) in [
        ("a: 0", "`a` must be at least 1, found 0"),
        ("a: 10", "`a` must be less than 10, found 10"),
        ("a: ''", "bad `a` ``: it must not be empty"),
        ("a: B", "bad `a` `B`: it must match ^[a-z]*$"),
        ("a: [b]", "`a` must be a number or a string, found a list"),
    ] {
        assert_eq!(problems(&schema, text), [expected]);
    }
    assert!(problems(&schema, "a: 9.5\nb: x").is_empty());
}

#[test]
fn of_several_maps_the_nearest_one_tells() {
    let schema = json!({
        "anyOf": [
            { "type": "string" },
            {
                "type": "object", "properties": { "size": { "type": "integer" }, "every": true },
                "additionalProperties": false,
            },
        ],
    });
    assert_eq!(
        problems(&schema, "sise: 1"),
        ["unknown key `sise`, did you mean `size`?"]
    );
    assert_eq!(
        problems(&schema, "size: x"),
        ["`size` must be a whole number, found the string `x`"]
    );
    assert_eq!(
        problems(&schema, "5"),
        ["a manifest must be a string or a map, found the number `5`"]
    );
}

#[test]
fn a_ring_of_references_ends() {
    let schema = json!({ "$ref": "#/$defs/A", "$defs": { "A": { "$ref": "#" } } });
    assert!(problems(&schema, "a: 1").is_empty());
}
