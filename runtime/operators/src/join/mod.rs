//! Joins of two streams: rows of each side are kept for as long as rows of the other may match.
//! A [`StaticJoin`] is one of a stream with a table, and keeps nothing.

mod lookup;
mod matching;
mod memory;
mod operator;
mod plan;
mod side;
mod static_join;
mod static_side;
mod table;

pub use operator::Join;
pub use plan::{JoinKind, JoinPlan, JoinSide, PairFilter};
pub use static_join::StaticJoin;
pub use static_side::StaticSide;
pub use table::{StaticRows, TableVersion};
