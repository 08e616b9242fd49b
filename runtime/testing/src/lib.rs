//! `tests:` of a manifest: rows in, the real components and the real SQL, and the rows that must
//! come out.
//!
//! ```text
//! Manifest -> engine::check_for_test   sources and transforms, sinks in memory
//!          -> input, feed              rows for the sources, step by step
//!          -> Plan::run, driver        one lane, a clock that stands still within a step
//!          -> compare, diff            what came against `expect`
//!          -> timeline                 what happened in each step
//! ```
//!
//! `replay` runs dead letters the same way.
//!
//! A typed row is read by `columns`, which goes through `literal` to the json format's decoder; a
//! record's text goes to the decoder of the source's own format. Nothing here reads a file, opens a
//! connection or looks at the time.

mod case;
mod cells;
mod columns;
mod compare;
mod diff;
mod driver;
mod expectation;
mod fault;
mod feed;
mod input;
mod literal;
mod replay;
mod suite;
mod timeline;

pub use replay::{Replay, ReplayFailure, replay};
pub use suite::{Outcome, Setup, run};
