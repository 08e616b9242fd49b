//! Kafka as a source and a sink, against real brokers: `tests/services/kafka`.
//!
//! Most tests share a broker and have topics of their own; what breaks brokers, or needs
//! users, has a cluster for itself. Without Kafka every test says so, and passes.
//!
//! `AZUD_FAULTS=all cargo test --release -p azud --test kafka -- --nocapture` runs all
//! seeds and all restarts; without it, some.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod apply;
mod avro;
mod begin;
mod brokers;
mod changes;
mod crash;
mod examples;
mod flow;
mod gaps;
mod group;
mod leaders;
mod memory;
mod partitions;
mod pipeline;
mod refusals;
mod registry;
mod restarts;
mod rows;
mod sink;
mod timeouts;
mod topics;

/// How many of `all` seeds are run: a tenth, unless everything is asked for.
fn seeds(all: u64) -> std::ops::Range<u64> {
    match is_long() {
        true => 0..all,
        false => 0..all.div_ceil(10),
    }
}

/// Whether everything is asked for.
fn is_long() -> bool {
    std::env::var("AZUD_FAULTS").as_deref() == Ok("all")
}
