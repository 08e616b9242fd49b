//! `anyOf` and `oneOf`: the first branch that fits, or the words for all of them.

use serde_json::{Map, Value, json};

use super::{Owner, Shape, keys::required, words};
use crate::{
    nearest::did_you_mean,
    report::Findings,
    yaml::{Kind, Node},
};

/// The branches of a schema that is a choice; not those that only say which keys go together.
pub(super) fn branches(schema: &Map<String, Value>) -> Option<&[Value]> {
    let branches = schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))?
        .as_array()?;
    (!branches.iter().all(only_requires)).then_some(branches)
}

/// Whether a branch says nothing but which keys must be there.
pub(super) fn only_requires(branch: &Value) -> bool {
    branch
        .as_object()
        .is_some_and(|branch| branch.keys().all(|key| key == "required"))
}

impl Shape<'_> {
    /// The strings of a schema that lists all that it allows, as `enum`, `const`, or a choice of them.
    pub(super) fn values<'s>(&'s self, schema: &'s Map<String, Value>) -> Option<Vec<&'s str>> {
        if let Some(value) = schema.get("const") {
            return Some(vec![value.as_str()?]);
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values.iter().map(Value::as_str).collect();
        }
        let lists: Option<Vec<_>> = branches(schema)?
            .iter()
            .map(|branch| self.values(self.resolve(branch)?))
            .collect();
        Some(lists?.concat())
    }

    pub(super) fn check_alternatives(
        &self,
        branches: &[Value],
        node: &mut Node,
        owner: Owner<'_>,
        findings: &mut Findings,
    ) {
        if let (Kind::Map(entries), Some(merged)) = (&mut node.kind, self.one_key_each(branches)) {
            self.check_object(&merged, entries, owner, findings);
            return;
        }
        let mut best: Option<Vec<_>> = None;
        let mut reason = None;
        for branch in branches {
            let mut attempt = node.clone();
            let before = findings.len();
            self.check(branch, &mut attempt, owner, findings);
            let problems = findings.take_since(before);
            if problems.is_empty() {
                *node = attempt;
                return;
            }
            // In a map or a list the branch that nearly fits tells more than a list of branches.
            let listed = self
                .resolve(branch)
                .is_some_and(|branch| self.values(branch).is_some());
            if !listed && fits(self.resolve(branch), &node.kind) {
                reason = problems.first().map(|problem| problem.message.clone());
            }
            let same_kind = self
                .resolve(branch)
                .is_some_and(|branch| is_for(branch, &node.kind));
            if same_kind && best.as_ref().is_none_or(|best| problems.len() < best.len()) {
                best = Some(problems);
            }
        }
        match best {
            Some(problems) if matches!(node.kind, Kind::Map(_) | Kind::List(_)) => {
                findings.extend(problems);
            }
            _ => self.none_fits(branches, node, owner, reason, findings),
        }
    }

    /// The schema of an enum with values, `{ connect: .. } | { listen: .. }`, as one map of which
    /// exactly one key must be there: that has better messages than a choice of maps.
    fn one_key_each(&self, branches: &[Value]) -> Option<Map<String, Value>> {
        let mut properties = Map::new();
        let mut rules = Vec::new();
        for branch in branches {
            let branch = self.resolve(branch)?;
            let keys = branch.get("properties").and_then(Value::as_object)?;
            let closed = branch.get("additionalProperties") == Some(&Value::Bool(false));
            if keys.len() != 1 || !closed || required(branch).count() != 1 {
                return None;
            }
            properties.extend(keys.clone());
            rules.push(json!({ "required": branch.get("required") }));
        }
        let mut merged = Map::new();
        merged.insert("properties".into(), Value::Object(properties));
        merged.insert("additionalProperties".into(), Value::Bool(false));
        merged.insert("oneOf".into(), Value::Array(rules));
        Some(merged)
    }

    fn none_fits(
        &self,
        branches: &[Value],
        node: &Node,
        owner: Owner<'_>,
        reason: Option<String>,
        findings: &mut Findings,
    ) {
        let known = branches
            .iter()
            .filter_map(|branch| self.values(self.resolve(branch)?))
            .flatten();
        let guess = match &node.kind {
            Kind::String(text) => did_you_mean(text, known),
            _ => String::new(),
        };
        let message = format!(
            "{} must be {}, found {}{guess}",
            words::owner(owner),
            self.expected_of(branches),
            words::found(node, findings)
        );
        let span = if matches!(node.kind, Kind::Null) {
            owner.span
        } else {
            node.span
        };
        findings.push(span, message, reason);
    }
}

/// Whether a branch is for strings and the node is one, so that the branch knows what is wrong.
fn fits(branch: Option<&Map<String, Value>>, kind: &Kind) -> bool {
    let is_string = |branch| words::types(branch).contains(&"string");
    matches!(kind, Kind::String(_)) && branch.is_some_and(is_string)
}

fn is_for(schema: &Map<String, Value>, kind: &Kind) -> bool {
    let name = match kind {
        Kind::Map(_) => "object",
        Kind::List(_) => "array",
        _ => return false,
    };
    words::types(schema).contains(&name)
}
