//! Another version of a node's plugin takes over while data flows.
//!
//! ```text
//! Control::reload     compiles, checks, opens and tries it, off the data path      staged.rs
//!   -> Swaps          waits for the end of an epoch                                swaps.rs
//!   -> coordinator    ends epoch N: "from N + 1 on"
//!   -> Versions       of the node, shared by all lanes                             versions.rs
//!   -> InLane         each lane takes it at its own end of N                       in_lane.rs
//! ```
//!
//! A version may run beside the one that serves before that, and be compared with it: shadow.rs.
//!
//! Until epoch N + 1 is recorded the new version is on probation: what goes wrong takes it back,
//! and the epoch is computed again by the old one. So a record names one version of each node,
//! and no row is committed by two.

mod fixed;
mod in_lane;
mod shadow;
mod staged;
mod swaps;
mod version;
mod versions;

pub(crate) use fixed::Fixed;
pub(crate) use in_lane::InLane;
pub use shadow::{Compared, Example};
pub(crate) use shadow::{Job, Shadow};
pub(crate) use staged::{Replaceable, Shadowing};
pub(crate) use swaps::{Replacement, Swaps};
pub(crate) use versions::{Opener, Terms, Versions};
