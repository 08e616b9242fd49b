//! Running a plan: readers and sink writers on tokio, lanes on threads of their
//! own, and a coordinator that ends epochs and commits them.

mod attempt;
mod chain;
mod commit;
mod coordinator;
mod counters;
mod in_band;
mod lane;
mod message;
mod now;
mod open;
mod open_reader;
mod outlet;
mod queues;
mod reader;
mod reject;
mod report;
mod retry;
mod rollback;
mod slots;
mod start;
mod trigger;
mod wiring;
mod writer;

pub(crate) use attempt::Attempt;
pub(crate) use counters::{Counts, NodeCounters};
pub(crate) use message::Change;
pub(crate) use reject::OnReject;
pub use report::{EpochReport, NodeReport, TimeReport};
pub(crate) use retry::Retry;

pub use rollback::RunOptions;
pub use trigger::Stop;
pub(crate) use trigger::{CONTINUOUS, Trigger};
