//! Guests in the sandbox, as the engine runs them.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod aggregate;
mod aggregate_migration;
mod cache;
mod compiler;
mod contract;
mod epochs;
mod hostile;
mod inspect;
mod keyed;
mod limits;
mod load;
mod migration;
mod opens;
mod roundtrip;
mod support;
mod transform;
mod wasip2;
