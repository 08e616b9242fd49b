//! Rows that were rejected: listed, shown, run again on the screen, and replayed into the pipeline
//! that runs, each of these a process of its own. Every row is delivered once, whatever is killed.
//!
//! The plugin is the hostile one of `tests/evil/guest`, as in `tests/swaps`: a version of it fails on
//! rows whose `n` is 7, and another one does not. `AZUD_FAULTS=all` runs all of what is otherwise a
//! part.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test"
)]

mod aside;
mod asked;
#[path = "../swaps/components.rs"]
#[expect(dead_code, reason = "shared with the tests of swaps")]
mod components;
mod hostile;
mod kills;
mod late;
mod million;
#[path = "../swaps/pipeline.rs"]
#[expect(dead_code, reason = "shared with the tests of swaps")]
mod pipeline;
mod poison;
mod sources;
mod steps;

/// Whether all is run.
fn all() -> bool {
    std::env::var("AZUD_FAULTS").is_ok_and(|faults| faults == "all")
}
