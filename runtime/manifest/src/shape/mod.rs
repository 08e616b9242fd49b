//! Does the tree have the shape that the JSON Schema asks for? Finds every place where not.
//!
//! An ordinary validator tells that a value does not fit a schema; this one tells a human what to
//! write instead. It knows the part of JSON Schema that schemars makes of Rust types, `format:
//! duration`, `byte-size` and `column-type`, and four words of our own:
//!
//! - `x-later`: keys or values that a later version brings;
//! - `x-refused`: keys with the text that refuses them;
//! - `x-expected`: the words for what fits, where a `pattern` would not tell a human;
//! - `x-what`: what the keys of a `oneOf` of `required` are called.

mod alternatives;
mod column_type;
mod keys;
mod object;
mod scalar;
#[cfg(test)]
mod tests;
mod words;

use serde_json::{Map, Value};

use crate::{
    Span,
    report::Findings,
    yaml::{Kind, Node},
};

/// What a value belongs to: for messages, and to point at where the value itself is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    /// The key, as written; empty for the whole manifest.
    pub(crate) key: &'a str,
    pub(crate) span: Span,
}

/// Checks trees against one schema.
pub(crate) struct Shape<'a> {
    root: &'a Value,
}

impl<'a> Shape<'a> {
    pub(crate) const fn new(root: &'a Value) -> Self {
        Self { root }
    }

    /// Checks the whole manifest.
    pub(crate) fn check_root(&self, node: &mut Node, findings: &mut Findings) {
        let owner = Owner {
            key: "",
            span: Span::default(),
        };
        self.check(self.root, node, owner, findings);
    }

    /// Adds what is wrong with `node`. A scalar with variables takes the type that the schema wants.
    fn check(&self, schema: &Value, node: &mut Node, owner: Owner<'_>, findings: &mut Findings) {
        let Some(schema) = self.resolve(schema) else {
            return;
        };
        if matches!(node.kind, Kind::Broken) || findings.is_full() {
            return;
        }
        if let Some(values) = self.values(schema) {
            scalar::check_value(schema, &values, node, owner, findings);
            return;
        }
        if let Some(branches) = alternatives::branches(schema) {
            self.check_alternatives(branches, node, owner, findings);
            return;
        }
        for part in schema
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.check(part, node, owner, findings);
        }
        if !scalar::check_type(schema, node, owner, findings) {
            return;
        }
        match &mut node.kind {
            Kind::Map(entries) => self.check_object(schema, entries, owner, findings),
            Kind::List(items) => {
                let too_few = schema
                    .get("minItems")
                    .and_then(Value::as_u64)
                    .is_some_and(|least| (items.len() as u64) < least);
                if too_few {
                    findings.add(
                        node.span,
                        format!("{} must not be empty", words::owner(owner)),
                    );
                }
                if let Some(schema) = schema.get("items") {
                    for item in items {
                        // What is missing in one of many maps is missing there.
                        let place = match &item.kind {
                            Kind::Map(_) => item.span,
                            _ => owner.span,
                        };
                        let owner = Owner {
                            span: place,
                            ..owner
                        };
                        self.check(schema, item, owner, findings);
                    }
                }
            }
            _ => scalar::check_limits(schema, node, owner, findings),
        }
    }

    /// Follows `$ref`; `None` for the schema `true`, which everything fits.
    fn resolve<'s>(&'s self, mut schema: &'s Value) -> Option<&'s Map<String, Value>> {
        // A chain of references is one or two long; a ring of them must not hang.
        for _ in 0..8 {
            let Some(path) = schema.get("$ref").and_then(Value::as_str) else {
                break;
            };
            schema = self.root.pointer(path.strip_prefix('#')?)?;
        }
        schema.as_object()
    }
}
