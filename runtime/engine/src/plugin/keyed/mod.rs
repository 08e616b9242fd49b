//! A keyed plugin as an operator: its states and timers are here, and it is given those of the
//! keys that it is called for.
//!
//! ```text
//! rows -> KeyedOperator -> Store::work (rows, states, timers of some keys)
//!                            -> Keyed::process (the guest)
//!                               -> Store::apply (changes, timers) -> rows out
//! watermark, end of the epoch -> Firing (timers that are due) -> the same
//! rows of state of an earlier version -> Convert -> Keyed::migrate -> Store::apply
//! ```

mod apply;
mod calls;
mod codec;
mod convert;
mod differ;
mod entry;
mod firing;
mod operator;
mod saved;
mod store;
#[cfg(test)]
mod tests;
mod times;
mod words;

use arrow::datatypes::SchemaRef;
use azud_sandbox::KeyedState;

pub(crate) use operator::KeyedOperator;
pub(crate) use words::words;

/// What a keyed step keeps, and of what.
#[derive(Clone, Debug)]
pub(crate) struct KeyedPlan {
    /// The columns of the input that are the key.
    pub(crate) key: Vec<usize>,
    /// The columns of the input.
    pub(crate) input: SchemaRef,
    /// What is known of a key.
    pub(crate) states: Vec<KeyedState>,
    /// What is computed, in words: states of other words do not fit.
    pub(crate) computes: String,
}

// === impl KeyedPlan ===

impl KeyedPlan {
    /// A step that keeps these states of the columns `key` of its input.
    pub(crate) fn new(input: SchemaRef, key: Vec<usize>, states: Vec<KeyedState>) -> Self {
        let names = key.iter().filter_map(|column| input.fields().get(*column));
        let names: Vec<&str> = names.map(|field| field.name().as_str()).collect();
        Self {
            computes: words::computes(&names, &states),
            key,
            input,
            states,
        }
    }

    /// The same step with the states of an earlier version.
    fn of_former(&self, states: &[KeyedState]) -> Self {
        Self::new(self.input.clone(), self.key.clone(), states.to_vec())
    }
}
