//! Another manifest takes over while data flows.
//!
//! ```text
//! Control::change     what differs, and whether that loses anything    diff.rs, check.rs
//!   -> Swaps          waits for the end of an epoch
//!   -> coordinator    epoch N is the last one of the plan that runs
//!   -> Plan::run      the next attempt is one of the other plan: it goes on from the record of N
//!                     with the connections of all nodes that are the same       kept.rs
//! ```
//!
//! So what a restart would keep is kept, by the same rules (`recovery`). Until the first epoch of
//! the new plan is recorded it is on probation: whatever fails then brings the old one back.

mod changing;
mod check;
mod diff;
mod kept;

pub(crate) use changing::{Asked, CHANGE, Changing};
pub(crate) use check::may;
pub use diff::{Changes, Difference, NodeChange};
pub(crate) use kept::Kept;
