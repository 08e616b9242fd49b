//! What a plugin's author does, outside of this repository: `azud new`, `azud
//! build`, and then the commands that they name. A file here is one such thing.

#![expect(clippy::unwrap_used, reason = "a test")]

mod aggregates;
mod docs;
mod errors;
mod keyed;
mod pipelines;
mod plugins;
mod sinks;
mod support;
