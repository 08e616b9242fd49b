//! Joins of two streams: rows of each side are kept for as long as rows of the other may match.

mod matching;
mod memory;
mod operator;
mod plan;
mod side;

pub use operator::Join;
pub use plan::{JoinKind, JoinPlan, JoinSide, PairFilter};
