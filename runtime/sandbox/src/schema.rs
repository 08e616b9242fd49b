//! Schemas across the boundary: Arrow's types and the contract's fields.

mod announced;
mod format;
mod from_wire;
mod physical;
#[cfg(test)]
mod tests;
mod to_wire;
mod width;

pub(crate) use announced::announced;
pub(crate) use from_wire::columns as from_wire;
pub(crate) use physical::{cast, physical};
pub(crate) use to_wire::{WireField, fields as to_wire};
pub(crate) use width::width;
