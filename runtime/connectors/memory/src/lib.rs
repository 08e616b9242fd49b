//! A source and a sink in memory: for tests, made in code and not by a manifest.

mod sink;
mod source;

pub use sink::{Committed, MemorySink};
pub use source::{MemorySource, records, rows};

#[cfg(test)]
#[path = "conformance_tests.rs"]
mod conformance;
