//! Schema registries: where the schemas are that records were written by.
//!
//! [`Registry`] speaks the REST API that Confluent's Schema Registry has, and Apicurio, Karapace
//! and Redpanda have too. [`Registered`] puts it behind a source: a reader hands on no record whose
//! schema is not known, or known to be unknown, so that no lane ever waits for the network.
//!
//! ```text
//! inner reader -> chunk kept -> ids that nobody knows -> registry -> WriterSchemas -> lane's decoder
//! ```

mod answer;
mod client;
mod reader;
mod source;
#[cfg(test)]
mod tests;

pub use client::{Credentials, Registry};
pub use source::Registered;
