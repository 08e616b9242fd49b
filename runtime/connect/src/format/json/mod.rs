//! `json`: one object a record, its keys the columns.

mod again;
mod decoder;
mod encoder;
mod seed;
mod values;

pub(super) use decoder::JsonDecoder;
pub(super) use encoder::JsonEncoder;
pub use encoder::{row_json, whole_row_json};

#[cfg(test)]
mod tests;
