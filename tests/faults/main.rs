//! Pipelines that are killed, and must end as if nothing had happened.
//!
//! Each case has a seed: the same seed kills at the same point. Records carry source,
//! partition, sequence, key and checksum; a single-threaded reference in `verdict.rs`
//! computes what must come out. The verdict counts what is missing, doubled, corrupt
//! and out of order.
//!
//! `AZUD_FAULTS=all cargo test --release -p azud --test faults -- --nocapture` runs
//! everything; without it, a tenth.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod bucket;
mod change;
mod console;
mod continuous;
mod data;
mod determinism;
mod handover;
mod kill;
mod object_sink;
mod object_store;
mod partitions;
mod process;
mod push;
mod pushed;
mod reset;
mod rollback;
mod slow;
mod torn;
mod verdict;
mod windows;

/// How many of `all` seeds are run: a tenth, unless everything is asked for.
fn seeds(all: u64) -> std::ops::Range<u64> {
    match std::env::var("AZUD_FAULTS").as_deref() {
        Ok("all") => 0..all,
        _ => 0..all.div_ceil(10),
    }
}
