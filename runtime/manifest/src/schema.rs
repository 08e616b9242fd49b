//! The JSON Schema of a manifest: ours, with the connectors' options put into sources and sinks.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{Connector, manifest::Root};

/// Connectors that later versions bring.
const LATER: [&str; 3] = ["kafka", "flume", "kinesis"];

/// The JSON Schema (draft 2020-12) of manifests with these connectors, for editors and for
/// [`parse`](crate::parse) itself.
#[must_use]
pub fn json_schema(connectors: &[Connector]) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let dialect = settings.meta_schema.clone();
    let mut generator = settings.into_generator();
    let mut root = Root::json_schema(&mut generator);
    let mut sources = Side::new("source", "sink");
    let mut sinks = Side::new("sink", "source");
    for connector in connectors {
        sources.add(
            connector.name,
            connector.source.map(|make| make(&mut generator).to_value()),
        );
        sinks.add(
            connector.name,
            connector.sink.map(|make| make(&mut generator).to_value()),
        );
    }
    let mut definitions = generator.take_definitions(true);
    sources.put_into(definitions.get_mut("Source"));
    sinks.put_into(definitions.get_mut("Sink"));
    root.insert("$schema".into(), json!(dialect));
    root.insert("title".into(), json!("Azud pipeline"));
    root.insert("$defs".into(), Value::Object(definitions));
    let mut root = root.to_value();
    forbid_null(&mut root);
    root
}

/// The connectors of one kind of node.
struct Side {
    kind: &'static str,
    other: &'static str,
    options: Map<String, Value>,
    refused: Map<String, Value>,
}

impl Side {
    fn new(kind: &'static str, other: &'static str) -> Self {
        Self {
            kind,
            other,
            options: Map::new(),
            refused: Map::new(),
        }
    }

    fn add(&mut self, name: &str, options: Option<Value>) {
        match options {
            Some(options) => self.options.insert(name.to_owned(), options),
            None => {
                let text = format!("`{name}` is a {}, it cannot be a {}", self.other, self.kind);
                self.refused.insert(name.to_owned(), json!(text))
            }
        };
    }

    fn put_into(self, node: Option<&mut Value>) {
        let Some(Value::Object(node)) = node else {
            return;
        };
        // A sink may be a plugin instead.
        let plugin = node
            .get("properties")
            .and_then(|keys| keys.get("plugin"))
            .map(|_| "plugin");
        let one: Vec<_> = (self.options.keys().map(String::as_str))
            .chain(plugin)
            .map(|name| json!({ "required": [name] }))
            .collect();
        if let Some(Value::Array(later)) = node.get_mut("x-later") {
            let absent = LATER
                .iter()
                .filter(|name| !self.options.contains_key(**name));
            later.extend(absent.map(|name| json!(name)));
        }
        node.insert("oneOf".into(), Value::Array(one));
        node.insert("x-refused".into(), Value::Object(self.refused));
        if let Some(Value::Object(properties)) = node.get_mut("properties") {
            properties.extend(self.options);
        }
    }
}

/// `Option` makes schemars allow null; but `format:` with nothing behind it is a value forgotten.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    keys.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(branches)) = keys.get_mut("anyOf") {
                branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = branches.as_slice() {
                    let only = only.clone();
                    keys.shift_remove("anyOf");
                    keys.extend(only);
                }
            }
            if keys.get("default") == Some(&Value::Null) {
                keys.shift_remove("default");
            }
            keys.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}
