//! Operators: what SQL is made of, as plain state machines over batches.
//!
//! In flow [`Batch`](azud_model::Batch)es and epoch ends, out flow batches,
//! through a [`Collector`]. Stateless work (filter, project, unnest) is made
//! of [`Stage`]s, which one [`Chain`] runs; a [`Union`] joins streams; an
//! aggregate is a [`PartialAggregate`] in every lane, an exchange by key, and a
//! [`FinalAggregate`], whose memory is a [`GroupStates`]. A user's function is a
//! [`UserAggregate`], which somebody else runs. A [`Join`] keeps rows of both its inputs, a
//! [`StaticJoin`] has a table beside its one; a [`Deduplicate`] knows which keys it has seen.
//!
//! No I/O, no threads, no clock.

mod aggregate;
mod chain;
mod deduplicate;
mod filter;
mod guard;
mod held;
mod join;
mod limit;
mod operator;
mod project;
mod reason;
mod stage;
mod state_rows;
mod top;
mod union;
mod unnest;
mod window;

#[cfg(test)]
mod chain_tests;

pub use aggregate::{
    Aggregate, AggregateCall, FinalAggregate, Function, GroupStates, Part, PartialAggregate,
    Reducer, Update, UserAggregate, canonical,
};
pub use chain::{Chain, MAX_ROWS};
pub use deduplicate::{Deduplicate, Distinct};
pub use filter::Filter;
pub use held::Held;
pub use join::{
    Join, JoinKind, JoinPlan, JoinSide, PairFilter, StaticJoin, StaticRows, StaticSide,
    TableVersion,
};
pub use limit::Limit;
pub use operator::{Collector, Operator, StateShape};
pub use project::Project;
pub use stage::{Rows, Sources, Stage};
pub use state_rows::last_rows;
pub use top::{SortKey, Top};
pub use union::Union;
pub use unnest::{Unnest, UnnestColumn};
pub use window::{
    ExpandWindows, LateFilter, LateRows, SessionAggregate, SessionStarts, WindowAggregate, Windows,
};
