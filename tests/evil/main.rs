//! One hostile component - transform, sink, plugin with state and aggregate -, with a word for each way to misbehave, run by `azud` itself
//! beside a neighbour. Each case says what must be told, and `support` holds every one
//! of them to the same: the neighbour has all its rows once, and the process never has
//! more memory than with a well-behaved plugin, plus the limit, plus 32 MiB.
//!
//! `guest/` is the component. What its answers may be wrong in is tested batch by batch
//! in `runtime/sandbox/tests`; here is what only a whole process shows.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test"
)]

mod aggregates;
mod answers;
mod keyed;
mod limits;
mod manifest;
mod memory;
mod network;
mod outcomes;
mod requests;
mod support;
mod words;
mod world;
