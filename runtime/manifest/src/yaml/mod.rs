//! YAML as a tree in which everything knows its place.

mod node;
mod place;
mod read;
mod scalar;
#[cfg(test)]
mod tests;

pub(crate) use node::{Entry, Kind, Node};
pub(crate) use read::read;
pub(crate) use scalar::plain;
