//! `azud tap`: rows that pass a node of a pipeline that runs, each of these a process of its own.
//!
//! The plugin is the hostile one of `tests/evil/guest`, as in `tests/swaps`: versions of it say who
//! they are in every row, or fail on some.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod client;
#[path = "../swaps/components.rs"]
#[expect(dead_code, reason = "shared with the tests of swaps")]
mod components;
mod ends;
mod limits;
mod nodes;
#[path = "../swaps/pipeline.rs"]
#[expect(dead_code, reason = "shared with the tests of swaps")]
mod pipeline;

/// Rows through a plugin and a query, in two lanes.
const MANIFEST: &str = "
name: tapped
trigger: continuous
parallelism: 2
checkpoint: { to: ./state, every: 100ms }
sources:
  numbers:
    generator:
      rows_per_second: 1000
      columns:
        n: { type: bigint, sequence: true, max: 9 }
        id: { type: bigint, sequence: true }
transforms:
  evil: { from: numbers, plugin: evil, on_error: drop }
  large: { sql: \"SELECT id, n, said FROM evil WHERE n > 4\" }
sinks:
  out: { from: large, blackhole: {} }
plugins:
  evil: { path: ./first.wasm }
";
