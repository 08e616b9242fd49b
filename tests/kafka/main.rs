//! Kafka as a source and a sink, against real brokers: `tests/services/kafka`.
//!
//! Most tests share a broker and have topics of their own; what breaks brokers, or needs
//! users, has a cluster for itself. Without Kafka every test says so, and passes.
//!
//! `AZUD_FAULTS=all cargo test --release -p azud --test kafka -- --nocapture` runs all
//! seeds and all restarts; without it, some.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod brokers;
mod gaps;
mod pipeline;
mod rows;
mod topics;
