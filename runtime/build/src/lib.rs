//! Builds a plugin from its source: a folder with a `Cargo.toml` in, a
//! WebAssembly component out.
//!
//! ```text
//! <source>/Cargo.toml, src, wit, path dependencies
//!    |                                                  (package.rs, world.rs)
//!    | transform, keyed, aggregate           sink
//!    | cargo build, unknown-unknown          cargo build, wasip2   (cargo.rs)
//!    | core module, contract in a section    component
//!    | wit-component                         |                     (component.rs)
//!    v                                       v
//! <source>/target/azud/<name>.wasm, <name>.wasm.inputs  (stamp.rs)
//! ```
//!
//! What is up to date is not built again: the stamp beside the component lists
//! every file that went into it with its digest. Two builds of one plugin wait
//! for each other; a component appears by rename, whole or not at all.

mod build;
mod cargo;
mod component;
mod error;
mod files;
mod messages;
mod package;
mod shared;
mod stamp;
#[cfg(test)]
mod tests;
mod world;

pub use build::{Builder, Built, build};
pub use error::BuildError;
pub use world::World;
