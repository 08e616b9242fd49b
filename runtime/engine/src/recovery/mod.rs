//! Going on where an earlier run has stopped: what of a record fits a plan, and what
//! the run that follows is given of it.

mod files;
mod fit;
mod handover;
mod recent;
mod recorder;
mod restore;
mod resume;
mod spool;
mod spool_part;
mod states;

pub(crate) use fit::told_lost;
pub use fit::{Fit, NodeFit};
pub(crate) use recorder::Recorder;
pub(crate) use restore::Restore;
pub(crate) use resume::Resume;
pub(crate) use states::{PlanState, states};
