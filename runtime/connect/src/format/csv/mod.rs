//! `csv`: comma-separated values, RFC 4180, with a line of names or without.

mod decoder;
mod encoder;
mod fields;
mod header;

pub(super) use decoder::CsvDecoder;
pub(super) use encoder::CsvEncoder;

#[cfg(test)]
mod tests;
