//! What every connector must do, as tests that it runs against itself.
//!
//! A connector brings a fixture, which knows how to reach its system: how to give it
//! records, how to read back what is visible. The kit brings the cases: a call that is
//! dropped half-way, a crash at every step of an epoch, another number of lanes after it.
//!
//! ```text
//! SourceFixture -> check_source -> Report, or Failures
//! SinkFixture   -> check_sink   -> Report, or Failures
//! ```
//!
//! A failure names the case, the seed where the case is a random one, and what differed.
//! What a fixture does not promise is not asked of it, and the report says so: a test
//! compares [`Report::skipped`] too, so that nothing is left out by accident.
//!
//! A crash is played within the process: everything is dropped, and made anew over the
//! same system. What a power cut leaves of a disk is for [`crate::SimulatedDisk`].

mod drive;
mod ledger;
mod report;
mod sink_basics;
mod sink_crashes;
mod sink_fixture;
mod sink_random;
mod sink_refusals;
mod sink_run;
mod sinks;
mod source_basics;
mod source_fixture;
mod source_resume;
mod source_rhythm;
mod sources;

pub use report::{Failure, Failures, Report};
pub use sink_fixture::{SinkCall, SinkFixture, SinkPromises};
pub use sinks::check_sink;
pub use source_fixture::{Flood, SourceFixture, SourcePromises};
pub use sources::check_source;

#[cfg(test)]
mod toys;
