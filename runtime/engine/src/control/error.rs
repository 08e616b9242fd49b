//! Why something that was asked is not done.

use std::fmt;

/// Why a run has not done what it was asked: it goes on as before, unless it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlError {
    /// No node of that name runs a plugin.
    NoNode(String),
    /// It cannot take over, for this reason.
    Refused(String),
    /// It took over, failed before its first epoch was recorded, and the old one computed that
    /// epoch again.
    TakenBack(String),
    /// Another reload or change is under way: this one.
    Busy(String),
    /// The pipeline has ended, or not yet begun.
    Ended,
}

// === impl ControlError ===

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode(why) | Self::Refused(why) => f.write_str(why),
            Self::TakenBack(why) => write!(f, "taken back, and the version before goes on: {why}"),
            Self::Busy(what) => write!(
                f,
                "another reload or change is under way ({what}): ask again when it has ended"
            ),
            Self::Ended => f.write_str("the pipeline does not run"),
        }
    }
}

impl std::error::Error for ControlError {}
