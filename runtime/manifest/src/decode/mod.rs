//! From the tree to Rust types, by serde: a value can ask for its place with [`Spanned`].
//!
//! The shape was checked before, with better words than serde has; an error here means that a type
//! is stricter than its schema.

mod node;
mod spanned;

use serde::Deserialize;

use crate::{report::Findings, yaml::Node};

/// Reads `node` as a `T`; the error, if any, is among the findings.
pub(crate) fn decode<'n, T: Deserialize<'n>>(node: &'n Node, findings: &mut Findings) -> Option<T> {
    match T::deserialize(node) {
        Ok(value) => Some(value),
        Err(error) => {
            findings.add(error.span.unwrap_or(node.span), error.message);
            None
        }
    }
}

/// What serde refuses, and where.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct DecodeError {
    message: String,
    span: Option<crate::Span>,
}

impl serde::de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            span: None,
        }
    }
}

impl DecodeError {
    /// The innermost place wins.
    fn at(mut self, span: crate::Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}
