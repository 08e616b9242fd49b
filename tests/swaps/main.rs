//! Versions of plugins that take over in a pipeline that runs: `azud run --listen`, `azud reload`,
//! `azud run --watch`, each a process of its own.
//!
//! A version is the hostile component of `tests/evil/guest` with another configuration written into
//! it: what it says of rows, and how it misbehaves. Rows are numbered, so that none is missing,
//! doubled, or of two versions; those of `migrate` are of `tests/guests/totals`, of
//! `migrate_aggregate` and `migrate_windows` of `tests/guests/sums`; `AZUD_FAULTS=all` runs all of
//! what is otherwise a tenth.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test"
)]

mod bad;
mod change;
mod change_bad;
mod change_sources;
mod components;
mod endpoint;
mod kills;
mod many;
mod migrate;
mod migrate_aggregate;
mod migrate_windows;
mod migrating;
mod pipeline;
mod rows;
mod shadow;
mod sums;
mod triggers;
mod watch;

/// Whether all is run.
fn all() -> bool {
    std::env::var("AZUD_FAULTS").is_ok_and(|faults| faults == "all")
}
