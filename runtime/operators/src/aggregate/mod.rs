//! Aggregates in two steps: a [`PartialAggregate`] in every lane shrinks an
//! epoch's rows to one a group; the rows move by key; a [`FinalAggregate`]
//! merges them into what earlier epochs left behind.

mod accumulators;
mod convert;
mod definition;
mod final_aggregate;
mod group_keys;
mod group_numbers;
mod group_states;
mod groups;
mod partial_aggregate;
pub(crate) mod state;
mod update;
mod user;
mod user_accumulator;

pub(crate) use accumulators::Accumulators;
pub(crate) use convert::{Former, formers};
pub use definition::{Aggregate, AggregateCall, Function};
pub use final_aggregate::FinalAggregate;
pub(crate) use group_keys::GroupKeys;
pub use group_keys::canonical;
pub use group_states::GroupStates;
pub(crate) use groups::{Groups, Put, failed};
pub use partial_aggregate::PartialAggregate;
pub use update::{Part, Update};
pub use user::{Reducer, UserAggregate};

#[cfg(test)]
mod tests;
