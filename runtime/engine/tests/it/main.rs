//! Whole pipelines over memory: any parallelism, any cut into epochs, parts that fail.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

mod aggregates;
mod avro;
mod breaker;
mod counts;
mod epochs;
mod failures;
mod guest;
mod in_band;
mod loops;
mod parallelism;
mod poison;
mod replay;
mod storage;
mod support;
mod telemetry;
