//! Columns across the boundary, as their buffers.

mod batch;
mod buffers;
mod export;
mod import;
mod input;
mod rows;
#[cfg(test)]
mod tests;

pub(crate) use batch::batch;
pub(crate) use buffers::Buffers;
pub(crate) use export::Export;
pub(crate) use import::import;
pub(crate) use input::check_input;
pub(crate) use rows::{Origins, rejected, rows};
