//! The JSON Schema that editors get.

use serde_json::{Value, json};

use crate::connectors::CONNECTORS;

fn schema() -> Value {
    azud_manifest::json_schema(&CONNECTORS)
}

#[test]
fn it_describes_the_manifest() {
    let schema = schema();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], json!(["name", "sources", "sinks"]));
    for key in [
        "name",
        "trigger",
        "parallelism",
        "dead_letters",
        "sources",
        "transforms",
        "sinks",
        "plugins",
        "tests",
    ] {
        let description = schema["properties"][key]["description"].as_str();
        assert!(description.is_some_and(|text| !text.is_empty()), "{key}");
    }
}

#[test]
fn sources_and_sinks_take_exactly_one_connector() {
    let schema = schema();
    let source = &schema["$defs"]["Source"];
    assert_eq!(
        source["oneOf"],
        json!([{ "required": ["file"] }, { "required": ["socket"] }])
    );
    assert!(source["properties"]["file"]["$ref"].is_string());
    assert_eq!(source["additionalProperties"], false);
    let sink = &schema["$defs"]["Sink"];
    assert_eq!(
        sink["oneOf"],
        json!([{ "required": ["file"] }, { "required": ["console"] }, { "required": ["plugin"] }])
    );
}

#[test]
fn nothing_may_be_null() {
    let text = schema().to_string();
    assert!(!text.contains("null"), "{text}");
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, root: &Value) {
        if let Some(path) = value.get("$ref").and_then(Value::as_str) {
            assert!(
                root.pointer(path.strip_prefix('#').unwrap()).is_some(),
                "{path}"
            );
        }
        match value {
            Value::Object(keys) => keys.values().for_each(|value| walk(value, root)),
            Value::Array(items) => items.iter().for_each(|value| walk(value, root)),
            _ => {}
        }
    }
    let schema = schema();
    walk(&schema, &schema);
}
