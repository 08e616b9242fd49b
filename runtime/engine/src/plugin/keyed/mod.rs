//! A keyed plugin as an operator: its states and timers are here, and it is given those of the
//! keys that it is called for.
//!
//! ```text
//! rows -> KeyedOperator -> Store::work (rows, states, timers of some keys)
//!                            -> Keyed::process (the guest)
//!                               -> Store::apply (changes, timers) -> rows out
//! watermark, end of the epoch -> Firing (timers that are due) -> the same
//! ```

mod apply;
mod calls;
mod codec;
mod entry;
mod firing;
mod operator;
mod saved;
mod store;
#[cfg(test)]
mod tests;
mod times;

use arrow::datatypes::SchemaRef;
use azud_sandbox::KeyedState;

pub(crate) use operator::KeyedOperator;

/// What a keyed step keeps, and of what.
#[derive(Clone, Debug)]
pub(crate) struct KeyedPlan {
    /// The columns of the input that are the key.
    pub(crate) key: Vec<usize>,
    /// The columns of the input.
    pub(crate) input: SchemaRef,
    /// What is known of a key.
    pub(crate) states: Vec<KeyedState>,
    /// Whether the plugin is told which timers are pending.
    pub(crate) pending_timers: bool,
    /// What is computed, in words: states of other words do not fit.
    pub(crate) computes: String,
}
